import { BoundedMap, LIMITS, type PublicKey, type SetHash, toHex, unreachable } from '../../base/index.ts'
import { isTweak, type KeyPackage, type PublicKeyPackage, tweakedPublicKey } from '../../crypto/index.ts'
import { curve, randomBytes } from '../../curve/index.ts'
import type { Consent } from '../../signer/index.ts'
import { decodeSign, encodeSign, isSignRequest } from './codec.ts'
import { deadlineTimerId, fail, openCoordinator, stepCoordinator, stepTimerId } from './coordinator.ts'
import type { CoordinatorEvent, CoordinatorState, CoordinatorStep } from './coordinator.types.ts'
import { requestHash } from './hashes.ts'
import { Participants } from './participants.ts'
import { ACCEPTED, accepted, IGNORED, ignored, type Received, type SignEnvelope } from './received.ts'
import { type Addressee, SIGN_STEPS, type SignEffect, type SignFailed, type SignRequest } from './types.ts'

export interface SignBookInit {
  readonly self: PublicKey
  /** This node's share for exactly this set, key and transcript; undefined if it may not sign with it (R9). */
  readonly keyFor: (request: SignRequest) => KeyPackage | undefined
  readonly stepTimeoutMs?: number
  /** Of each kind: sessions taken part in, rounds coordinated, signatures remembered. */
  readonly maxSessions?: number
  /** Entropy of nonces and of the run's name. */
  readonly rng?: (lengthBytes?: number) => Uint8Array
}
type Effects = readonly SignEffect[]

/**
 * Every sign round of this node: routes messages, answers and timers to the machines, keeps what they hold within bounds,
 * and returns what is to be done, in order. Neither clock nor I/O; nothing a peer sends makes it throw. One per process:
 * sessions and nonces live and die with it (R25).
 */
export class SignBook {
  readonly #self: PublicKey
  readonly #keyFor: SignBookInit['keyFor']
  readonly #run: string
  readonly #stepTimeoutMs: number
  readonly #maxSessions: number
  readonly #participants: Participants
  readonly #coordinators = new Map<string, CoordinatorState>()
  /** First verified signature of each round (R28). */
  readonly #signatures: BoundedMap<string, Uint8Array>
  /** Session numbers of a request never come twice in a run: what is forgotten raises the floor of all. */
  readonly #lastSession: BoundedMap<string, number>
  #sessionFloor = 0

  constructor(init: SignBookInit) {
    const rng = init.rng ?? ((length = 32) => randomBytes(length))
    this.#self = init.self
    this.#keyFor = (request) => {
      const key = init.keyFor(request)
      return key?.public.groupKey === request.groupKey && key.owner === init.self ? key : undefined
    }
    this.#run = toHex(rng(16))
    this.#stepTimeoutMs = init.stepTimeoutMs ?? LIMITS.signStepTimeoutMs
    this.#maxSessions = init.maxSessions ?? LIMITS.maxSignSessions
    const maxSessions = this.#maxSessions
    this.#participants = new Participants({ self: init.self, keyFor: this.#keyFor, maxSessions, rng })
    this.#signatures = new BoundedMap(maxSessions)
    this.#lastSession = new BoundedMap(maxSessions, (_, session) => {
      this.#sessionFloor = Math.max(this.#sessionFloor, session)
    })
  }

  /** Rounds this node coordinates, and sessions it takes part in: for metrics. */
  get open(): { readonly coordinating: number; readonly participating: number } {
    return { coordinating: this.#coordinators.size, participating: this.#participants.size }
  }

  /**
   * Coordinates a request until `done` or `failed` is said of its round (`requestHash`). One that is already running is
   * joined, with its own deadline; one whose signature is known is done at once, with the same bytes (R28).
   * The operator's approval must stand before: this node asks itself like everybody. Throws TypeError on a malformed request.
   */
  start(request: SignRequest, timeoutMs: number): Effects {
    if (!isSignRequest(request) || !isTweak(request.tweak))
      throw new TypeError('sign request: expected an id of 1 to 64 bytes, a digest of 32, and a root of 32 or none')
    const round = requestHash(request)
    const signature = this.#signatures.get(round)
    if (signature !== undefined) return [{ kind: 'done', round, request, signature }]
    if (this.#coordinators.has(round)) return []
    const key = this.#keyFor(request)?.public
    if (key === undefined) return [failedAtOnce(round, 'NO_KEY')]
    if (this.#coordinators.size >= this.#maxSessions) return [failedAtOnce(round, 'OVERLOADED')]
    const session = (this.#lastSession.get(round) ?? this.#sessionFloor) + 1
    const facts = { round, request, key, stepTimeoutMs: this.#stepTimeoutMs, self: this.#self, run: this.#run }
    return this.#keep(openCoordinator({ ...facts, session, timeoutMs }))
  }

  /** Takes one envelope: others', or one's own as published. The verdict is for the gossip layer (R14). */
  receive(e: SignEnvelope): Received {
    const step = SIGN_STEPS.find((s) => s === e.step)
    const said = { member: e.author, session: e.attempt }
    switch (step) {
      case undefined:
        return IGNORED
      case 'open':
        return decoded(decodeSign(step, e.payload), (p) =>
          this.#asked(e, p.request, () => this.#participants.opened(e, p)),
        )
      case 'package':
        return decoded(decodeSign(step, e.payload), (p) => {
          if (p.run === this.#run) this.#packageSent(e)
          return this.#asked(e, p.request, () => this.#participants.packaged(e, p))
        })
      case 'commit':
        return decoded(decodeSign(step, e.payload), ({ to, commitment }) =>
          this.#answered(e, to, { kind: step, ...said, boot: e.boot, commitment }),
        )
      case 'decline':
        return decoded(decodeSign(step, e.payload), ({ to, reason }) =>
          this.#answered(e, to, { kind: step, ...said, reason }),
        )
      case 'share':
        return decoded(decodeSign(step, e.payload), ({ to, packageHash, share }) =>
          this.#answered(e, to, { kind: step, member: e.author, packageHash, share, wire: e.wire }),
        )
      case 'result':
        return decoded(decodeSign(step, e.payload), (p) => this.#result(e, p.signature))
      default:
        return unreachable(step)
    }
  }

  /** The answer to `ask_consent`. An answer to a question that no longer stands does nothing. */
  consent(id: string, answer: Consent): Effects {
    return this.#participants.consent(id, answer)
  }

  /** This operator's own bridge asked for this round: questions answered "not asked yet" are asked again (R27). */
  reconsider(round: string): Effects {
    return this.#participants.reconsider(round)
  }

  /** An armed timer fired. */
  timer(id: string): Effects {
    for (const state of this.#coordinators.values()) {
      if (id === stepTimerId(state.round)) return this.#keep(stepCoordinator(state, { kind: 'timer', timer: 'step' }))
      if (id === deadlineTimerId(state.round))
        return this.#keep(stepCoordinator(state, { kind: 'timer', timer: 'deadline' }))
    }
    return this.#participants.expire(id)
  }

  /** Nobody here wants the signature any more: stops coordinating, says nothing. */
  cancel(round: string): Effects {
    const state = this.#coordinators.get(round)
    return state === undefined ? [] : this.#keep(stepCoordinator(state, { kind: 'end' }))
  }

  /** Stops every round of a set that this node may no longer sign for (R9), or all of them; nonces are zeroed. */
  stop(setHash?: SetHash): Effects {
    const stopped = ({ request }: { request: SignRequest }) => setHash === undefined || request.setHash === setHash
    const coordinators = [...this.#coordinators.values()].filter(stopped)
    return [...coordinators.flatMap((s) => this.#keep(fail(s, 'STOPPED'))), ...this.#participants.close(stopped)]
  }

  /** What a coordinator asks of members: of this very round and set, and not of one whose signature is known (R28). */
  #asked(e: SignEnvelope, request: SignRequest, take: () => Received): Received {
    if (request.setHash !== e.topic.scope || requestHash(request) !== e.round) return ignored(e, 'request_changed')
    const signature = this.#signatures.get(e.round)
    if (signature === undefined) return take()
    if (e.author === this.#self) return ACCEPTED
    return accepted([sayResult(request, e.round, e.attempt, signature)])
  }

  /** This node's own package as signed: evidence beside a wrong share (R26). */
  #packageSent(e: SignEnvelope): void {
    const state = this.#coordinators.get(e.round)
    if (state === undefined || e.author !== this.#self) return
    this.#keep(stepCoordinator(state, { kind: 'package_sent', session: e.attempt, wire: e.wire }))
  }

  #answered(e: SignEnvelope, to: Addressee, event: CoordinatorEvent): Received {
    const state = this.#coordinators.get(e.round)
    const ours = to.coordinator === this.#self && to.run === this.#run && state?.request.setHash === e.topic.scope
    return state !== undefined && ours ? accepted(this.#keep(stepCoordinator(state, event))) : ACCEPTED
  }

  /** From anybody: a signature proves itself (R28). */
  #result(e: SignEnvelope, signature: Uint8Array): Received {
    // A finished round has no machine left, so the first signature stays.
    const joined = this.#participants.ofRound(e.round)[0]
    const facts = this.#coordinators.get(e.round) ?? (joined && { request: joined.request, key: joined.key.public })
    if (facts === undefined || facts.request.setHash !== e.topic.scope) return ACCEPTED
    if (!verifies(facts.key, facts.request, signature)) return ignored(e, 'bad_signature')
    return accepted(this.#complete(e.round, facts.request, signature))
  }

  /** The first verified signature ends the round for every machine of it, and is kept (R28). */
  #complete(round: string, request: SignRequest, signature: Uint8Array): Effects {
    this.#signatures.set(round, signature)
    const ended = [...this.cancel(round), ...this.#participants.close((s) => s.round === round)]
    return [...ended, { kind: 'done', round, request, signature }]
  }

  #keep({ state, effects }: CoordinatorStep): Effects {
    const { round, request, session } = state
    if (state.phase.kind === 'ended') {
      this.#coordinators.delete(round)
      this.#lastSession.set(round, session)
    } else this.#coordinators.set(round, state)
    return effects.flatMap((effect): Effects => {
      if (effect.kind !== 'signed') return [effect]
      const { signature } = effect
      return [sayResult(request, round, session, signature), ...this.#complete(round, request, signature)]
    })
  }
}

/** Malformed bytes are the one thing that counts against a forwarder (R14). */
function decoded<P>(payload: P | undefined, take: (payload: P) => Received): Received {
  return payload === undefined ? { verdict: 'reject', effects: [] } : take(payload)
}

function sayResult(request: SignRequest, round: string, session: number, signature: Uint8Array): SignEffect {
  const payload = encodeSign('result', { signature })
  return { kind: 'publish', setHash: request.setHash, round, attempt: session, step: 'result', payload }
}

function verifies(key: PublicKeyPackage, { digest, tweak }: SignRequest, signature: Uint8Array): boolean {
  return curve.schnorrVerify(signature, digest, tweakedPublicKey(key, tweak))
}

const failedAtOnce = (round: string, code: SignFailed['code']): SignFailed => ({
  kind: 'failed',
  round,
  code,
  missing: [],
  cheaters: [],
  declined: new Map(),
})
