import { LIMITS, type PublicKey } from '../../base/index.ts'
import { commitNonces, type KeyPackage } from '../../crypto/index.ts'
import type { Consent } from '../../signer/index.ts'
import { encodeSign } from './codec.ts'
import { sameRequest } from './hashes.ts'
import {
  askAgain,
  consentId,
  openParticipant,
  type ParticipantState,
  type ParticipantStep,
  stepParticipant,
} from './participant.ts'
import { ACCEPTED, accepted, IGNORED, ignored, type Received, type SignEnvelope } from './received.ts'
import type { SignEffect, SignPackage, SignPayloads, SignRequest } from './types.ts'

/** A participant keeps an unfinished session, and its nonces, this long: a coordinator that needs longer opens another. */
const PARTICIPANT_TTL_MS = LIMITS.signTimeoutMs

export interface ParticipantsInit {
  readonly self: PublicKey
  readonly keyFor: (request: SignRequest) => KeyPackage | undefined
  readonly maxSessions: number
  readonly rng: (lengthBytes?: number) => Uint8Array
}
type Effects = readonly SignEffect[]

/**
 * The sessions in which this node takes part, one at a time per (round, coordinator) (R25), in order of age. They hold
 * nonces: a session leaves only through `#close`, which destroys them.
 */
export class Participants {
  readonly #init: ParticipantsInit
  readonly #states = new Map<string, ParticipantState>()
  constructor(init: ParticipantsInit) {
    this.#init = init
  }
  get size(): number {
    return this.#states.size
  }

  /** An open whose request is this round's. */
  opened(e: SignEnvelope, { run, request }: SignPayloads['open']): Received {
    const state = this.#states.get(stateId(e.round, e.author))
    if (state !== undefined) {
      if (e.boot === state.boot && e.attempt === state.session) {
        const same = run === state.run && sameRequest(request, state.request)
        return same ? accepted(this.#keep(stepParticipant(state, { kind: 'open' }))) : IGNORED
      }
      if (e.boot < state.boot || (e.boot === state.boot && e.attempt < state.session))
        return ignored(e, 'stale_session')
    }
    const key = this.#init.keyFor(request)
    if (key === undefined) return accepted([declineUnknown(e, run, request)])
    if (!key.public.verifyingShares.has(e.author)) return IGNORED
    const gone = state === undefined ? this.#makeRoom() : this.#close(state)
    const { round, author: coordinator, boot, attempt: session } = e
    const opened = openParticipant({ round, request, key, coordinator, run, boot, session })
    const expiry: SignEffect = { kind: 'arm', id: expiryTimerId(opened.state), afterMs: PARTICIPANT_TTL_MS }
    return accepted([...gone, expiry, ...this.#keep(opened)])
  }

  packaged(e: SignEnvelope, p: SignPackage): Received {
    const state = this.#states.get(stateId(e.round, e.author))
    if (state === undefined) return p.commitments.has(this.#init.self) ? ignored(e, 'unknown_session') : ACCEPTED
    return accepted(this.#keep(stepParticipant(state, { kind: 'package', session: e.attempt, package: p })))
  }

  consent(id: string, answer: Consent): Effects {
    const state = [...this.#states.values()].find((s) => consentId(s) === id)
    if (state === undefined) return []
    if (answer !== 'yes') return this.#keep(stepParticipant(state, { kind: 'consent', answer }))
    const fresh = commitNonces(state.key, this.#init.rng).nonces
    return this.#keep(stepParticipant(state, { kind: 'consent', answer, fresh }))
  }

  reconsider(round: string): Effects {
    return this.ofRound(round).flatMap(askAgain)
  }

  ofRound(round: string): ParticipantState[] {
    return [...this.#states.values()].filter((s) => s.round === round)
  }

  expire(timerId: string): Effects {
    return this.close((s) => expiryTimerId(s) === timerId)
  }

  close(which: (state: ParticipantState) => boolean): Effects {
    return [...this.#states.values()].filter(which).flatMap((s) => this.#close(s))
  }

  /** The oldest session of the coordinator that has most of them goes: a flood pushes out only its author's. */
  #makeRoom(): Effects {
    if (this.#states.size < this.#init.maxSessions) return []
    const counts = new Map<PublicKey, number>()
    for (const { coordinator } of this.#states.values()) counts.set(coordinator, (counts.get(coordinator) ?? 0) + 1)
    const most = Math.max(...counts.values())
    const victim = [...this.#states.values()].find((s) => counts.get(s.coordinator) === most)
    return victim === undefined ? [] : this.#close(victim)
  }

  #keep({ state, effects }: ParticipantStep): Effects {
    this.#states.set(stateId(state.round, state.coordinator), state)
    return effects
  }

  #close(state: ParticipantState): Effects {
    this.#states.delete(stateId(state.round, state.coordinator))
    return [...stepParticipant(state, { kind: 'close' }).effects, { kind: 'disarm', id: expiryTimerId(state) }]
  }
}

const stateId = (round: string, coordinator: PublicKey): string => `${round}/${coordinator}`
const expiryTimerId = (s: ParticipantState): string => `expire/${stateId(s.round, s.coordinator)}`

function declineUnknown(e: SignEnvelope, run: string, { setHash }: SignRequest): SignEffect {
  const payload = encodeSign('decline', { to: { coordinator: e.author, run }, reason: 'unknown_key' })
  return { kind: 'publish', setHash, round: e.round, attempt: e.attempt, step: 'decline', payload }
}
