import { LIMITS, type PublicKey } from '../../base/index.ts'
import type { KeyPackage } from '../../crypto/index.ts'
import type { Consent } from '../../signer/index.ts'
import { Allowance } from './allowance.ts'
import { encodeSign } from './codec.ts'
import { packageHash } from './hashes.ts'
import {
  askAgain,
  consentId,
  openParticipant,
  type ParticipantState,
  type ParticipantStep,
  stepParticipant,
} from './participant.ts'
import type { NoncePools } from './pools.ts'
import { ACCEPTED, accepted, IGNORED, ignored, type Received, type SignEnvelope } from './received.ts'
import type { DeclineReason, SignEffect, SignPackage, SignRequest } from './types.ts'

/** A participant keeps a package this long: a coordinator that needs longer opens another session. */
const PARTICIPANT_TTL_MS = LIMITS.signTimeoutMs
/** Packages of many items are tens of KiB: all of them together take no more than this. */
const MAX_ITEMS_KEPT = 16 * 1024

/**
 * Packages of one coordinator that no share came of, yet or at all: bytes at once, and restored a second. One of 64 digests takes
 * 2 ms to read. As many as one coordinator has rounds, twice, are below the first; the second is 10 of the largest.
 */
const FRUITLESS_BURST_BYTES = 4 * 1024 * 1024
const FRUITLESS_BYTES_PER_SECOND = 512 * 1024

export interface ParticipantsInit {
  readonly self: PublicKey
  readonly keyFor: (request: SignRequest) => KeyPackage | undefined
  readonly pools: NoncePools
  readonly maxSessions: number
}
type Effects = readonly SignEffect[]

/**
 * The packages before which this node stands as a member, one at a time per (round, coordinator) (R25), in order of age. A
 * flood by one coordinator pushes out only its own.
 */
export class Participants {
  readonly #init: ParticipantsInit
  readonly #states = new Map<string, ParticipantState>()
  readonly #fruitless = new Allowance({
    ...{ name: 'fruitless', burst: FRUITLESS_BURST_BYTES, refill: FRUITLESS_BYTES_PER_SECOND, everyMs: 1_000 },
  })
  constructor(init: ParticipantsInit) {
    this.#init = init
  }
  get size(): number {
    return this.#states.size
  }

  /** Reads a package, if its coordinator may cause that now. What a share comes of is given back. */
  charged(e: SignEnvelope, read: () => Received): Received {
    if (e.author === this.#init.self) return read()
    if (!this.#fruitless.holds(e.author)) return ignored(e, 'over_allowance')
    const charge = this.#fruitless.take(e.author, e.payload.length)
    const { verdict, effects } = read()
    return { verdict, effects: [...charge, ...effects] }
  }

  /** A package whose request is this round's. */
  packaged(e: SignEnvelope, p: SignPackage): Received {
    const state = this.#states.get(stateId(e.round, e.author))
    if (state !== undefined && (e.boot < state.boot || (e.boot === state.boot && e.attempt < state.session)))
      return ignored(e, 'stale_session')
    if (state !== undefined && e.boot === state.boot && e.attempt === state.session)
      // The same package gets the same bytes; another one in its place gets nothing (R25).
      return packageHash(e.author, e.attempt, p) === state.packageHash
        ? accepted(this.#keep(stepParticipant(state, { kind: 'again' })))
        : ignored(e, 'package_changed')
    const own = p.entries.get(this.#init.self)
    if (own === undefined) return ACCEPTED // others were chosen
    const key = this.#init.keyFor(p.request)
    if (key === undefined) return accepted([decline(e, p.request, 'unknown_key')])
    if (!key.public.verifyingShares.has(e.author)) return IGNORED
    if (!isChoiceOf(key, p)) return ignored(e, 'bad_package')
    const sessions = (state?.sessions ?? 0) + 1
    if (sessions > mostSessions(key)) return ignored(e, 'too_many_sessions')
    const { transcript } = p.request
    if (!this.#init.pools.hold(e.author, transcript, own))
      return accepted([decline(e, p.request, 'unknown_nonce'), refusedFor(e)])
    const gone = state === undefined ? this.#makeRoom() : this.#close(state)
    const of = { round: e.round, key, coordinator: e.author, boot: e.boot, session: e.attempt, sessions }
    const facts = { ...of, package: p, bytes: e.payload.length }
    const opened = openParticipant(facts)
    const expiry: SignEffect = { kind: 'arm', id: expiryTimerId(opened.state), afterMs: PARTICIPANT_TTL_MS }
    return accepted([...gone, expiry, ...this.#keep(opened)])
  }

  consent(id: string, answer: Consent): Effects {
    const state = [...this.#states.values()].find((s) => consentId(s) === id)
    if (state === undefined) return []
    if (answer !== 'yes') return this.#keep(stepParticipant(state, { kind: 'consent', answer }))
    // The share may have been replaced while the operator was asked (R9).
    if (this.#init.keyFor(state.package.request) === undefined) return this.#close(state)
    const { transcript } = state.package.request
    const pairs = (own: Parameters<NoncePools['take']>[2]) => this.#init.pools.take(state.coordinator, transcript, own)
    const stepped = stepParticipant(state, { kind: 'consent', answer, pairs })
    const isShared = stepped.effects.some((f) => f.kind === 'send' && f.step === 'share')
    if (isShared) this.#fruitless.giveBack(state.coordinator, state.bytes)
    return this.#keep(stepped)
  }

  reconsider(round: string): Effects {
    return [...this.#states.values()].filter((s) => s.round === round).flatMap(askAgain)
  }

  timer(id: string): Effects {
    return this.#fruitless.timer(id) ?? this.close((s) => expiryTimerId(s) === id)
  }
  stop(): Effects {
    return [...this.close(() => true), ...this.#fruitless.clear()]
  }

  close(which: (state: ParticipantState) => boolean): Effects {
    return [...this.#states.values()].filter(which).flatMap((s) => this.#close(s))
  }

  /** The oldest session of the coordinator that has most of them goes. */
  #makeRoom(): Effects {
    const gone: SignEffect[] = []
    const items = () => [...this.#states.values()].reduce((n, s) => n + weight(s), 0)
    while (this.#states.size >= this.#init.maxSessions || items() > MAX_ITEMS_KEPT) {
      const weights = new Map<PublicKey, number>()
      for (const s of this.#states.values())
        weights.set(s.coordinator, (weights.get(s.coordinator) ?? 0) + 1 + weight(s))
      const most = Math.max(...weights.values())
      const victim = [...this.#states.values()].find((s) => weights.get(s.coordinator) === most)
      if (victim === undefined) break
      gone.push(...this.#close(victim))
    }
    return gone
  }

  #keep({ state, effects }: ParticipantStep): Effects {
    this.#states.set(stateId(state.round, state.coordinator), state)
    return effects
  }

  #close(state: ParticipantState): Effects {
    this.#states.delete(stateId(state.round, state.coordinator))
    return [{ kind: 'disarm', id: expiryTimerId(state) }]
  }
}

/** Pairs in it: what its memory grows with. */
const weight = (s: ParticipantState): number => s.package.entries.size * s.package.request.items.length

/** Members of the set, as many as sign together. That each names a pair for each item, the codec saw to. */
function isChoiceOf({ public: key }: KeyPackage, { entries }: SignPackage): boolean {
  return entries.size === key.threshold && [...entries.keys()].every((m) => key.verifyingShares.has(m))
}

/**
 * Sessions that an honest coordinator needs at the most (`coordinator.ts`): each that fails costs a member, and each member is
 * excused once. More would have this member sign one approved request for ever.
 */
const mostSessions = ({ public: { members, threshold } }: KeyPackage): number => 2 * members.length - threshold + 1

const stateId = (round: string, coordinator: PublicKey): string => `${round}/${coordinator}`
const expiryTimerId = (s: ParticipantState): string => `expire/${stateId(s.round, s.coordinator)}`

const refusedFor = ({ round, author }: SignEnvelope): SignEffect => ({
  kind: 'refused',
  round,
  author,
  reason: 'unknown_nonce',
})

function decline(e: SignEnvelope, { setHash }: SignRequest, reason: DeclineReason): SignEffect {
  const payload = encodeSign('decline', { coordinator: e.author, reason })
  return { kind: 'send', to: [e.author], setHash, round: e.round, attempt: e.attempt, step: 'decline', payload }
}
