import { LIMITS, type PublicKey } from '../../base/index.ts'
import type { CoordinatorEvent, Session } from './coordinator.types.ts'
import { sessionOf, shareFault } from './shares.ts'
import type { RoundFacts, SignEffect } from './types.ts'

/** A share may be late by so much: its member keeps the package no longer. */
const KEPT_MS = LIMITS.signTimeoutMs
/** All packages of ended sessions together: pairs named in them, which is what their memory grows with. */
const MAX_PAIRS_KEPT = 4 * 1024
/** Between two looks, each of a few ms at most: signing comes first. */
const LOOK_MS = 50
const CHECKS_PER_LOOK = 8
/** While a request of this operator waits, so many looks are put off, then one is had: who is always busy must see cheats, too. */
const MAX_PUT_OFF = 40
const LOOK_ID = 'aftermath'

export interface AftermathInit {
  readonly self: PublicKey
  /** A request of this operator waits for its signatures. */
  readonly isBusy: () => boolean
  /** The member's share is wrong: it is not chosen again in that round. */
  readonly onCheat: (round: string, member: PublicKey) => readonly SignEffect[]
  readonly maxPairs?: number
}
type Effects = readonly SignEffect[]

/** A session that no signature came of, and who has given something to it. */
interface Kept {
  readonly facts: RoundFacts
  session: Session
  readonly heard: Set<PublicKey>
}
interface Unchecked {
  readonly kept: Kept
  readonly member: PublicKey
  readonly shares: readonly Uint8Array[]
  readonly wire: Uint8Array
  /** Items before this one are right. */
  next: number
}

/**
 * Shares given to sessions that ended otherwise: another one was quicker, a member spoiled it, the request was given up. A wrong
 * one among them is as good a proof as any, so it is looked at once nothing else is to be done, a few at a time. Holds nothing
 * secret; what grows too large loses its oldest, counted.
 */
export class Aftermath {
  readonly #c: AftermathInit
  readonly #maxPairs: number
  /** By package hash, in order of their end. */
  readonly #kept = new Map<string, Kept>()
  #unchecked: Unchecked[] = []
  #putOff = 0

  constructor(init: AftermathInit) {
    this.#c = init
    this.#maxPairs = init.maxPairs ?? MAX_PAIRS_KEPT
  }

  /** Sessions kept, and shares that are still to be looked at. */
  get size(): { readonly sessions: number; readonly unchecked: number } {
    return { sessions: this.#kept.size, unchecked: this.#unchecked.length }
  }

  /** No signature comes of this session any more. `named`: members whose share in it is known to be wrong. */
  ended({ round, request, key }: RoundFacts, session: Session, named: ReadonlySet<PublicKey>): Effects {
    if (this.#kept.has(session.packageHash)) return []
    const kept: Kept = { facts: { round, request, key }, session, heard: new Set([this.#c.self, ...named]) }
    const gone = this.#makeRoom(weight(kept))
    this.#kept.set(session.packageHash, kept)
    const expiry: SignEffect = { kind: 'arm', id: expiryId(kept), afterMs: KEPT_MS }
    const looks = [...session.shares].flatMap(([member, given]) => {
      if (!given.isProven) return this.#heard(kept, member, given.shares, given.wire)
      kept.heard.add(member)
      return []
    })
    return [...gone, expiry, ...looks]
  }

  /** A share that came too late for its session; undefined: none that is kept. */
  share(round: string, event: CoordinatorEvent & { kind: 'share' }): Effects | undefined {
    const { member, packageHash, shares, wire } = event
    const kept = this.#kept.get(packageHash)
    // Said to another round it proves nothing (R26).
    if (kept?.facts.round !== round) return undefined
    return kept.session.package.entries.has(member) ? this.#heard(kept, member, shares, wire) : []
  }

  /** The package as signed came back only after its session had ended. */
  sent(number: number, wire: Uint8Array): void {
    for (const kept of this.#kept.values())
      if (kept.session.number === number && kept.session.wire === undefined) kept.session = { ...kept.session, wire }
  }

  timer(id: string): Effects | undefined {
    if (id === LOOK_ID) return this.#look()
    for (const kept of this.#kept.values()) {
      if (id !== expiryId(kept)) continue
      // What came in time is looked at, however long that takes.
      if (this.#unchecked.some((u) => u.kept === kept)) return [{ kind: 'arm', id, afterMs: KEPT_MS }]
      this.#kept.delete(kept.session.packageHash)
      return []
    }
    return undefined
  }

  clear(): Effects {
    const ids = [...[...this.#kept.values()].map(expiryId), LOOK_ID]
    this.#kept.clear()
    this.#unchecked = []
    return ids.map((id) => ({ kind: 'disarm', id }))
  }

  /** The first that a member gave: another one is equivocation, and shown as that. */
  #heard(kept: Kept, member: PublicKey, shares: readonly Uint8Array[], wire: Uint8Array): Effects {
    if (kept.heard.has(member)) return []
    kept.heard.add(member)
    this.#unchecked.push({ kept, member, shares, wire, next: 0 })
    return this.#unchecked.length === 1 ? [LOOK] : []
  }

  #look(): Effects {
    if (this.#c.isBusy() && ++this.#putOff < MAX_PUT_OFF) return [LOOK]
    this.#putOff = 0
    const effects: SignEffect[] = []
    for (let checks = 0; checks < CHECKS_PER_LOOK; checks++) {
      const [first] = this.#unchecked
      if (first === undefined) return effects
      const found = judge(first)
      if (found === 'go on') continue
      this.#unchecked.shift()
      if (found === 'wrong') effects.push(...this.#blame(first))
    }
    return this.#unchecked.length > 0 ? [...effects, LOOK] : effects
  }

  #blame({ kept, member, wire }: Unchecked): Effects {
    const { facts, session } = kept
    return [shareFault(facts, session, member, wire), ...this.#c.onCheat(facts.round, member)]
  }

  /** The oldest go, with what was not looked at yet. */
  #makeRoom(needed: number): Effects {
    const gone: SignEffect[] = []
    let pairs = [...this.#kept.values()].reduce((n, k) => n + weight(k), needed)
    for (const [hash, kept] of this.#kept) {
      if (pairs <= this.#maxPairs) break
      pairs -= weight(kept)
      this.#kept.delete(hash)
      const [lost, left] = [
        this.#unchecked.filter((u) => u.kept === kept),
        this.#unchecked.filter((u) => u.kept !== kept),
      ]
      this.#unchecked = left
      const { round } = kept.facts
      gone.push({ kind: 'disarm', id: expiryId(kept) })
      for (const { member: author } of lost) gone.push({ kind: 'refused', round, author, reason: 'unexamined' })
    }
    return gone
  }
}

/** One item more; whoever wants a wrong number of shares to be taken for an answer knew how many were asked for (R26). */
function judge(u: Unchecked): 'go on' | 'right' | 'wrong' {
  const { facts, session } = u.kept
  const { package: p } = session
  const share = u.shares[u.next]
  if (u.shares.length !== p.request.items.length || share === undefined) return 'wrong'
  const frost = sessionOf(facts.key, p, u.next)
  // Not sound, so of this node's own making: nobody's fault.
  if (frost === undefined) return 'right'
  if (!frost.verifyShare(u.member, share)) return 'wrong'
  u.next++
  return u.next < u.shares.length ? 'go on' : 'right'
}

const LOOK: SignEffect = { kind: 'arm', id: LOOK_ID, afterMs: LOOK_MS, isPatient: true }
const weight = ({ session: { package: p } }: Kept): number => p.entries.size * p.request.items.length
const expiryId = ({ session }: Kept): string => `${LOOK_ID}/${session.packageHash}`
