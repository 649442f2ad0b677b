import { LIMITS, type PublicKey, type SetHash, type TranscriptHash } from '../../base/index.ts'
import { isNonceCommitment, type KeyPackage, type NonceCommitment } from '../../crypto/index.ts'
import { Allowance } from './allowance.ts'
import { encodeSign } from './codec.ts'
import { poolName } from './hashes.ts'
import { NoncePools } from './pools.ts'
import { accepted, IGNORED, ignored, type Received, type SignEnvelope } from './received.ts'
import { enoughPairs, NonceSupply } from './supply.ts'
import type { PackageEntries, SignEffect, SignPayloads, SignStep } from './types.ts'

export interface RestockInit {
  readonly self: PublicKey
  readonly keyFor: (set: SetHash, transcript: TranscriptHash) => KeyPackage | undefined
  /** Numbers that this process gives to nothing else. */
  readonly number: () => number
  readonly rng: (lengthBytes?: number) => Uint8Array
}
type Effects = readonly SignEffect[]

interface Want {
  readonly set: SetHash
  readonly transcript: TranscriptHash
  readonly count: number
  readonly retryMs: number
  /** It did not reach the member. */
  readonly isLost: boolean
  /** A round waits for it. It is asked again by the clock alone: see `need`. */
  readonly isUrgent: boolean
}

/** Nothing that such a member hands over is looked at for so long. */
const LIAR_REST_MS = 60_000

const retryId = (member: PublicKey): string => `want/${member}`
const reliefId = (coordinator: PublicKey): string => `relief/${coordinator}`

/**
 * Preprocessed nonces (R25): this node hands pairs to every coordinator that wants some, and as a coordinator has some of
 * every member at hand before they are needed, so that a signature takes one trip.
 */
export class Restock {
  readonly pools: NoncePools
  readonly #c: RestockInit
  readonly #supply = new NonceSupply()
  /** Asked for, and not there yet. */
  readonly #wants = new Map<PublicKey, Want>()
  /** Members that handed over what are no pairs: no honest one does, and each look takes its time. */
  readonly #liars = new Allowance({ name: 'no-pairs', burst: 1, refill: 1, everyMs: LIAR_REST_MS })
  /** Coordinators for whom old pairs were destroyed just now. */
  readonly #relieved = new Set<PublicKey>()
  /** The shares in use. */
  #current: { readonly set: SetHash; readonly transcript: TranscriptHash } | undefined
  /** Digests of a usual round: the most of late, forgotten slowly. */
  #usualItems = 1

  constructor(init: RestockInit) {
    this.#c = init
    this.pools = new NoncePools(init.rng)
  }

  /** Wants of everybody what a usual round needs. */
  warm(set: SetHash, transcript: TranscriptHash): Effects {
    this.#current = { set, transcript }
    const key = this.#c.keyFor(set, transcript)?.public
    return (key?.members ?? []).flatMap((m) => this.#refill(m, set, transcript, 0))
  }

  has(member: PublicKey, transcript: TranscriptHash, count: number): boolean {
    return this.#supply.count(member, transcript) >= count
  }

  /**
   * A round needs `count` pairs of each of these members, and they may answer now. Rounds say so at whatever happens to them, so
   * what was asked and is under way is not asked again: on a machine that is late, every question more would make it later.
   */
  need(members: readonly PublicKey[], set: SetHash, transcript: TranscriptHash, count: number): Effects {
    const unasked = members.filter((m) => !this.has(m, transcript, count) && !this.#press(m, transcript, count))
    if (unasked.length === 0) return []
    // More rounds at once, or larger ones, than usual.
    this.#usualItems = Math.min(LIMITS.maxSignItems, Math.max(this.#usualItems + 1, count))
    for (const m of unasked) this.#wants.delete(m)
    return unasked.flatMap((m) => this.#refill(m, set, transcript, count, true))
  }

  /**
   * Was the member asked for enough, and will it be asked again soon? One that has long been asked in vain, for no round, or was
   * not there then, is asked again at once.
   */
  #press(member: PublicKey, transcript: TranscriptHash, count: number): boolean {
    const known = this.#wants.get(member)
    if (known === undefined || known.isLost || this.#supply.count(member, transcript) + known.count < count)
      return false
    if (!known.isUrgent && known.retryMs > LIMITS.nonceRetryMinMs) return false
    this.#wants.set(member, { ...known, isUrgent: true })
    return true
  }

  /** What was asked of this member did not reach it. */
  unsent(member: PublicKey): void {
    const known = this.#wants.get(member)
    if (known !== undefined) this.#wants.set(member, { ...known, isLost: true })
  }
  /** The member speaks, so it can be asked again what did not reach it. */
  alive(member: PublicKey): Effects {
    const known = this.#wants.get(member)
    return known?.isLost === true ? this.#ask(member, { ...known, isLost: false }) : []
  }

  /** Pairs for one session, out of the supply for good; what is used up is asked for again. */
  take(members: readonly PublicKey[], set: SetHash, transcript: TranscriptHash, count: number) {
    this.#usualItems = Math.max(count, this.#usualItems - Math.ceil(this.#usualItems / 16), 1)
    const entries = new Map<PublicKey, readonly NonceCommitment[]>()
    for (const m of members) entries.set(m, this.#supply.take(m, transcript, count) ?? [])
    const effects = members.flatMap((m) => this.#refill(m, set, transcript, 0))
    return { entries: entries as PackageEntries, effects }
  }

  /** R25: a member's nonces die with its process. */
  restarted(member: PublicKey, boot: number): Effects {
    this.#supply.expire(member, boot)
    this.#wants.delete(member)
    const current = this.#current
    return current === undefined ? [] : this.#refill(member, current.set, current.transcript, 0)
  }

  /** It holds none of the pairs that we have of it. */
  drop(member: PublicKey): void {
    this.#supply.drop(member)
  }

  /** A coordinator wants pairs. */
  wanted(e: SignEnvelope, { transcript, member, count }: SignPayloads['want']): Received {
    const set = e.topic.scope as SetHash
    if (member !== this.#c.self) return IGNORED
    if (e.round !== poolName(set, transcript, member, e.author)) return ignored(e, 'request_changed')
    const key = this.#c.keyFor(set, transcript)
    if (key?.public.verifyingShares.has(e.author) !== true) return IGNORED
    return accepted(this.#give(e.author, e.boot, set, transcript, key, count))
  }

  /** A package named pairs that this process does not hold for its coordinator: it is given fresh ones (R25). */
  giveFresh(coordinator: PublicKey, boot: number, set: SetHash, transcript: TranscriptHash, count: number): Effects {
    const key = this.#c.keyFor(set, transcript)
    return key === undefined ? [] : this.#give(coordinator, boot, set, transcript, key, count)
  }

  /** Fresh pairs of a member, for this node as coordinator. */
  handed(e: SignEnvelope, { transcript, coordinator, commitments }: SignPayloads['nonces']): Received {
    const set = e.topic.scope as SetHash
    if (coordinator !== this.#c.self) return IGNORED
    if (e.round !== poolName(set, transcript, e.author, coordinator)) return ignored(e, 'request_changed')
    const key = this.#c.keyFor(set, transcript)?.public
    if (key?.verifyingShares.has(e.author) !== true) return IGNORED
    if (!this.#liars.holds(e.author)) return ignored(e, 'over_allowance')
    // What lies here already, or has no room, need not be looked at.
    const fresh = this.#supply.missing(e.author, e.boot, transcript, commitments)
    // A package with a commitment that is no point would be this node's own fault.
    if (!fresh.every((c) => isNonceCommitment(c))) {
      const { verdict, effects } = ignored(e, 'bad_nonces')
      return { verdict, effects: [...this.#liars.take(e.author, 1), ...effects] }
    }
    this.#supply.put(e.author, e.boot, transcript, fresh)
    const known = this.#wants.get(e.author)
    this.#wants.delete(e.author)
    const disarm: SignEffect[] = known === undefined ? [] : [{ kind: 'disarm', id: retryId(e.author) }]
    return accepted([...disarm, ...this.#refill(e.author, set, transcript, 0)])
  }

  timer(id: string): Effects | undefined {
    for (const coordinator of this.#relieved)
      if (id === reliefId(coordinator)) {
        this.#relieved.delete(coordinator)
        return []
      }
    for (const [member, want] of this.#wants) {
      if (id !== retryId(member)) continue
      const mostMs = want.isUrgent ? LIMITS.nonceUrgentRetryMaxMs : LIMITS.nonceRetryMaxMs
      return this.#ask(member, { ...want, isLost: false, retryMs: Math.min(2 * want.retryMs, mostMs) })
    }
    return this.#liars.timer(id)
  }

  /** The share may not be used any more (R9): pairs are zeroed. */
  clear(): Effects {
    const ids = [...[...this.#wants.keys()].map(retryId), ...[...this.#relieved].map(reliefId)]
    this.pools.clear()
    this.#supply.clear()
    this.#wants.clear()
    this.#relieved.clear()
    this.#current = undefined
    return [...ids.map((id): SignEffect => ({ kind: 'disarm', id })), ...this.#liars.clear()]
  }

  /** Below half of enough, or of what is needed, as much is asked for as one message holds. */
  #refill(member: PublicKey, set: SetHash, transcript: TranscriptHash, needed: number, isUrgent = false): Effects {
    const key = this.#c.keyFor(set, transcript)
    if (key?.public.verifyingShares.has(member) !== true || this.#wants.has(member)) return []
    const { threshold, members } = key.public
    const enough = Math.max(needed, enoughPairs(threshold, members.length, this.#usualItems))
    const have = this.#supply.count(member, transcript)
    if (have >= Math.max(needed, enough / 2)) return []
    const count = Math.min(LIMITS.maxSignItems, enough - have)
    if (member === this.#c.self) {
      // To oneself nothing need be said.
      this.#supply.put(member, 0, transcript, this.pools.make(member, 0, transcript, key, count))
      return this.#refill(member, set, transcript, needed)
    }
    return this.#ask(member, { set, transcript, count, retryMs: LIMITS.nonceRetryMinMs, isLost: false, isUrgent })
  }

  #ask(member: PublicKey, want: Want): Effects {
    const { set, transcript, count, retryMs } = want
    this.#wants.set(member, want)
    const round = poolName(set, transcript, member, this.#c.self)
    const said = this.#send(member, set, round, 'want', encodeSign('want', { transcript, member, count }))
    return [said, { kind: 'arm', id: retryId(member), afterMs: retryMs, isPatient: true }]
  }

  #give(
    coordinator: PublicKey,
    boot: number,
    set: SetHash,
    transcript: TranscriptHash,
    key: KeyPackage,
    count: number,
  ): Effects {
    const room = this.pools.roomFor(coordinator, transcript, boot)
    const effects: SignEffect[] = []
    let given = Math.min(count, LIMITS.maxSignItems)
    if (room < given) {
      // It lost many, or wants to see us work: from time to time old ones make room.
      if (this.#relieved.has(coordinator)) given = room
      else {
        this.#relieved.add(coordinator)
        effects.push({ kind: 'arm', id: reliefId(coordinator), afterMs: LIMITS.nonceReliefMs })
      }
    }
    if (given <= 0) return effects
    const commitments = this.pools.make(coordinator, boot, transcript, key, given)
    const payload = encodeSign('nonces', { transcript, coordinator, commitments })
    const round = poolName(set, transcript, this.#c.self, coordinator)
    return [this.#send(coordinator, set, round, 'nonces', payload), ...effects]
  }

  #send(to: PublicKey, setHash: SetHash, round: string, step: SignStep, payload: Uint8Array): SignEffect {
    return { kind: 'send', to: [to], setHash, round, attempt: this.#c.number(), step, payload }
  }
}
