import { LIMITS, type PublicKey, type SetHash, type TranscriptHash, unreachable } from '../../base/index.ts'
import type { KeyPackage } from '../../crypto/index.ts'
import { randomBytes } from '../../curve/index.ts'
import type { Consent } from '../../signer/index.ts'
import { decodeSign, isSignRequest, maxItemsFor } from './codec.ts'
import { coordinatorOrder, requestHash } from './hashes.ts'
import { sendDecline, sendResult } from './messages.ts'
import { Participants } from './participants.ts'
import { ACCEPTED, accepted, IGNORED, ignored, type Received, type SignEnvelope } from './received.ts'
import { Restarts } from './restarts.ts'
import { Restock } from './restock.ts'
import { Results } from './results.ts'
import { RoundTable } from './round-table.ts'
import { Slots } from './slots.ts'
import { travelsBy } from './travel.ts'
import {
  SIGN_STEPS,
  type SignEffect,
  type SignFailed,
  type SignFault,
  type SignPackage,
  type SignPayloads,
  type SignRequest,
  type SignStep,
} from './types.ts'

export interface SignBookInit {
  readonly self: PublicKey
  /** This node's share of exactly this set and transcript; undefined if it may not sign with it (R9). */
  readonly keyFor: (set: SetHash, transcript: TranscriptHash) => KeyPackage | undefined
  readonly coordinatorDelayMs?: number
  /** Members are asked before they are known to be ready: worth a try where policies answer without being asked themselves. */
  readonly asksUnready?: boolean
  /** Of each kind: packages answered, rounds known, signatures remembered. */
  readonly maxSessions?: number
  /** Requests of this operator's own that wait here at once; `maxSessions` unless said. */
  readonly maxWanted?: number
  /** Ever higher, over all books of this process: sessions and batches are never numbered twice in a boot (R16). */
  readonly number?: () => number
  /** Entropy of nonces. */
  readonly rng?: (lengthBytes?: number) => Uint8Array
}
type Effects = readonly SignEffect[]

/** Numbers sessions and batches of nonces: for all sign books of one process. */
export function sessionNumbers(): () => number {
  let last = 0
  return () => ++last
}

/**
 * Every sign round of this node: routes messages, answers and timers to the machines, keeps what they hold within bounds,
 * and returns what is to be done, in order. Neither clock nor I/O; nothing a peer sends makes it throw. One per process:
 * sessions and nonces live and die with it (R25).
 */
export class SignBook {
  readonly #self: PublicKey
  readonly #keyFor: SignBookInit['keyFor']
  readonly #maxWanted: number
  readonly #restock: Restock
  readonly #participants: Participants
  readonly #table: RoundTable
  readonly #slots = new Slots()
  readonly #restarts = new Restarts()
  readonly #results = new Results()

  constructor(init: SignBookInit) {
    const { self, number = sessionNumbers(), rng = (length = 32) => randomBytes(length) } = init
    this.#self = self
    this.#keyFor = (set, transcript) => {
      const key = init.keyFor(set, transcript)
      return key?.owner === self ? key : undefined
    }
    const { maxSessions = LIMITS.maxSignSessions } = init
    this.#maxWanted = init.maxWanted ?? maxSessions
    this.#restock = new Restock({ self, keyFor: this.#keyFor, number, rng })
    const restock = this.#restock
    const keyFor = (request: SignRequest) => this.#keyOf(request)
    this.#participants = new Participants({ self, keyFor, pools: restock.pools, maxSessions })
    this.#table = new RoundTable({
      ...{ self, number, restock, maxRounds: maxSessions, asksUnready: init.asksUnready ?? false },
      delayMs: init.coordinatorDelayMs ?? LIMITS.coordinatorDelayMs,
      onDone: (round) => this.#participants.close((s) => s.round === round),
    })
  }

  /** Rounds this node coordinates, packages it stands before, requests it knows, nonce pairs that it keeps for coordinators. */
  get open(): Readonly<Record<'coordinating' | 'participating' | 'known' | 'pairs', number>> {
    const { coordinating, known } = this.#table.size
    return { coordinating, known, participating: this.#participants.size, pairs: this.#restock.pools.size }
  }

  /** This node may sign with these shares from now on: nonce commitments are gathered before anybody asks (R25). */
  warm(set: SetHash, transcript: TranscriptHash): Effects {
    return this.#restock.warm(set, transcript)
  }

  /**
   * Sees to a request until `done` or `failed` is said of its round (`requestHash`). One that is already running is joined,
   * with its own deadline; one whose signatures are known is done at once, with the same bytes (R28). The operator's approval
   * must stand before: this node asks itself like everybody. Throws TypeError on a malformed request.
   */
  start(request: SignRequest, timeoutMs: number): Effects {
    if (!isSignRequest(request))
      throw new TypeError(
        'sign request: expected an id of 1 to 64 bytes, 1 to 64 digests of 32, and roots of 32 or none',
      )
    const round = requestHash(request)
    const signatures = this.#table.signatures(round)
    if (signatures !== undefined) return [{ kind: 'done', round, request, signatures }]
    if (this.#table.get(round)?.isWanted === true) return this.reconsider(round)
    const key = this.#keyOf(request)?.public
    if (key === undefined) return [failedAtOnce(round, 'NO_KEY')]
    if (request.items.length > maxItemsFor(key.threshold)) return [failedAtOnce(round, 'TOO_MANY_ITEMS')]
    if (this.#table.size.wanted >= this.#maxWanted) return [failedAtOnce(round, 'OVERLOADED')]
    return [...this.#table.want({ round, request, key }, timeoutMs), ...this.#participants.reconsider(round)]
  }

  /** Takes one envelope: others', or one's own as sent. The verdict is for the gossip layer (R14). */
  receive(e: SignEnvelope): Received {
    const step = SIGN_STEPS.find((s) => s === e.step)
    if (step === undefined) return IGNORED
    // Before it is decoded: gossiped, it would be every member's to read and to pass on.
    if (!travelsBy(step, e.via)) return ignored(e, 'wrong_way')
    switch (step) {
      case 'ready':
        return this.#decoded(step, e, (p) => this.#ready(e, p.request))
      case 'want':
        return this.#decoded(step, e, (p) => (this.#isCurrent(e) ? this.#restock.wanted(e, p) : tooSoon(e)))
      case 'nonces':
        return this.#decoded(step, e, (p) => (this.#isCurrent(e) ? this.#handed(e, p) : tooSoon(e)))
      case 'package':
        return this.#participants.charged(e, () => this.#decoded(step, e, (p) => this.#packaged(e, p)))
      case 'share':
        return this.#decoded(step, e, (p) => this.#share(e, p))
      case 'decline':
        return this.#decoded(step, e, (p) => this.#declined(e, p))
      case 'result':
        return this.#decoded(step, e, (p) => this.#result(e, p.signatures))
      default:
        return unreachable(step)
    }
  }

  /** The answer to `ask_consent`. An answer to a question that no longer stands does nothing. */
  consent(id: string, answer: Consent): Effects {
    const r = this.#table.get(id)
    return r === undefined ? this.#participants.consent(id, answer) : this.#table.ownWord(r, answer)
  }

  /** This operator's own bridge asked for this round: questions answered "not asked yet" are asked again (R27). */
  reconsider(round: string): Effects {
    return [...this.#table.reconsider(round), ...this.#participants.reconsider(round)]
  }

  /** An armed timer fired. */
  timer(id: string): Effects {
    const rested = this.#restarts.timer(id)
    if (rested !== undefined) return [...rested.effects, ...this.#restarted(rested.restarted)]
    return this.#table.timer(id) ?? this.#restock.timer(id) ?? this.#results.timer(id) ?? this.#participants.timer(id)
  }

  /** A message did not reach this member. Rounds repeat theirs; what is asked in between waits until the member is heard. */
  unsent(step: SignStep, member: PublicKey): void {
    if (step === 'want') this.#restock.unsent(member)
  }

  /** Nobody here wants the signatures any more: stops coordinating, says nothing. */
  cancel(round: string): Effects {
    return this.#table.cancel(round)
  }

  /** Stops every round: this node may no longer sign with that share (R9), or is stopping; nonces are zeroed. */
  stop(): Effects {
    const rests = [...this.#restarts.clear(), ...this.#results.clear()]
    return [...this.#table.stop(), ...this.#participants.stop(), ...this.#restock.clear(), ...rests]
  }

  /** Malformed bytes are the one thing that counts against a forwarder (R14). */
  #decoded<S extends SignStep>(step: S, e: SignEnvelope, take: (payload: SignPayloads[S]) => Received): Received {
    const payload = decodeSign(step, e.payload)
    if (payload === undefined) return { verdict: 'reject', effects: [] }
    if (e.author === this.#self) return take(payload)
    const heard = this.#slots.hear(e)
    if (heard === 'contradicted') return ignored(e, 'equivocation')
    // Passed on: others may have heard only one of the two.
    if (typeof heard === 'object') return accepted([this.#equivocation(e, heard.wires)])
    const restarted = [...this.#heardBoot(e), ...this.#restock.alive(e.author)]
    const { verdict, effects } = take(payload)
    return { verdict, effects: [...restarted, ...effects] }
  }

  #equivocation({ round, attempt, author: member, topic }: SignEnvelope, wires: readonly Uint8Array[]): SignFault {
    const facts = this.#table.get(round)
    return {
      ...{ kind: 'fault', code: 'equivocation', round, attempt, member, wires, setHash: topic.scope as SetHash },
      transcript: facts?.request.transcript,
      key: facts?.key,
    }
  }

  #heardBoot({ author, boot }: SignEnvelope): Effects {
    const { isNew, effects } = this.#restarts.heard(author, boot)
    return isNew ? [...effects, ...this.#restarted(author)] : effects
  }

  #restarted(member: PublicKey | undefined): Effects {
    const boot = member && this.#restarts.bootOf(member)
    if (member === undefined || boot === undefined) return []
    return [...this.#restock.restarted(member, boot), ...this.#table.restarted(member)]
  }
  #isCurrent({ author, boot }: SignEnvelope): boolean {
    return this.#restarts.isCurrent(author, boot)
  }

  #ready(e: SignEnvelope, request: SignRequest): Received {
    if (request.setHash !== e.topic.scope || requestHash(request) !== e.round) return ignored(e, 'request_changed')
    const key = this.#keyOf(request)?.public
    if (key === undefined) return accepted([sendDecline({ ...e, attempt: 0 }, request, 'unknown_key')])
    if (!key.verifyingShares.has(e.author)) return IGNORED
    const signatures = this.#table.signatures(e.round)
    if (signatures === undefined) return accepted(this.#table.ready({ round: e.round, request, key }, e.author))
    // So few of those who know answer that one of them is honest.
    const others = key.members.filter((m) => m !== e.author)
    const rank = coordinatorOrder(e.round, others).indexOf(this.#self)
    if (rank > key.members.length - key.threshold) return ACCEPTED
    return accepted([sendResult(e.author, request, e.round, signatures)])
  }

  #handed(e: SignEnvelope, p: SignPayloads['nonces']): Received {
    const { verdict, effects } = this.#restock.handed(e, p)
    return { verdict, effects: [...effects, ...this.#table.supplied()] }
  }

  #packaged(e: SignEnvelope, p: SignPackage): Received {
    if (p.request.setHash !== e.topic.scope || requestHash(p.request) !== e.round) return ignored(e, 'request_changed')
    const signatures = this.#table.signatures(e.round)
    if (e.author === this.#self) {
      const sent = this.#table.sent(e.round, e.attempt, e.wire)
      if (signatures !== undefined) return accepted(sent)
      // As the coordinator holds it, so that what follows from it is worked out once.
      const same = this.#table.packageOf(e.round, e.attempt) ?? p
      return accepted([...sent, ...this.#participants.packaged(e, same).effects])
    }
    if (signatures !== undefined) return accepted([sendResult(e.author, p.request, e.round, signatures)])
    const { verdict, effects } = this.#participants.packaged(e, p)
    const isUnknown = effects.some((f) => f.kind === 'refused' && f.reason === 'unknown_nonce')
    if (!isUnknown || !this.#isCurrent(e)) return { verdict, effects }
    // Fresh pairs follow the decline.
    const { setHash, transcript, items } = p.request
    const fresh = this.#restock.giveFresh(e.author, e.boot, setHash, transcript, items.length)
    return { verdict, effects: [...effects, ...fresh] }
  }

  #share(e: SignEnvelope, { coordinator, packageHash, shares }: SignPayloads['share']): Received {
    if (coordinator !== this.#self) return ACCEPTED
    const event = { kind: 'share', member: e.author, packageHash, shares, wire: e.wire } as const
    return accepted(this.#table.share(e.round, e.topic.scope as SetHash, event))
  }

  #declined(e: SignEnvelope, { coordinator, reason }: SignPayloads['decline']): Received {
    const r = this.#table.get(e.round)
    if (coordinator !== this.#self || r?.request.setHash !== e.topic.scope || !r.key.verifyingShares.has(e.author))
      return ACCEPTED
    return accepted(this.#table.declined(r, e.author, e.attempt, reason))
  }

  /** From anybody: signatures prove themselves (R28). */
  #result(e: SignEnvelope, signatures: readonly Uint8Array[]): Received {
    const r = this.#table.get(e.round)
    // A finished round is not known any more, so the first signatures stay.
    if (r === undefined || r.request.setHash !== e.topic.scope) return ACCEPTED
    const seen = this.#results.look(r, e, signatures)
    if (seen.ok) return accepted([...seen.effects, ...this.#table.complete(r, signatures)])
    const refused = ignored(e, seen.reason)
    return { ...refused, effects: [...seen.effects, ...refused.effects] }
  }

  #keyOf(request: SignRequest): KeyPackage | undefined {
    const key = this.#keyFor(request.setHash, request.transcript)
    return key?.public.groupKey === request.groupKey ? key : undefined
  }
}

/** Heard, but its author may cause no more of this work now. */
const tooSoon = (e: SignEnvelope): Received => ignored(e, 'over_allowance')

const failedAtOnce = (round: string, code: SignFailed['code']): SignFailed => ({
  ...{ kind: 'failed', round, code, missing: [], cheaters: [] },
  declined: new Map(),
})
