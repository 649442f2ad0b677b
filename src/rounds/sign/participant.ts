import { codeOf, type PublicKey } from '../../base/index.ts'
import type { KeyPackage, NonceCommitment, SecretNonces, SigningSession } from '../../crypto/index.ts'
import type { Consent } from '../../signer/index.ts'
import { encodeSign } from './codec.ts'
import { packageHash } from './hashes.ts'
import { sessionsOf } from './shares.ts'
import type { DeclineReason, Refusal, SignEffect, SignPackage, SignStep } from './types.ts'

/**
 * One member before one package of one coordinator (R25). A newer session of the same coordinator is a new state, so at most
 * one is open.
 */
export interface ParticipantState {
  readonly round: string
  readonly key: KeyPackage
  readonly coordinator: PublicKey
  /** Of the coordinator's process: with the session it orders what the coordinator asks. */
  readonly boot: number
  readonly session: number
  /** This coordinator's sessions of this round until now, this one among them. */
  readonly sessions: number
  readonly package: SignPackage
  /** Of the message that brought it. */
  readonly bytes: number
  readonly packageHash: string
  readonly at: Stage
}
type Stage =
  | { readonly stage: 'asked' }
  | { readonly stage: 'declined'; readonly reason: DeclineReason }
  /** The pairs are gone. `payload` is undefined if the computation failed after they were taken. */
  | { readonly stage: 'spent'; readonly payload: Uint8Array | undefined }

export type ParticipantEvent =
  /** The same package, once more. */
  | { readonly kind: 'again' }
  /** `pairs` takes the named ones out of the pool for good; undefined: this process does not hold them all. */
  | { readonly kind: 'consent'; readonly answer: 'yes'; readonly pairs: TakePairs }
  | { readonly kind: 'consent'; readonly answer: Exclude<Consent, 'yes'> }
export type TakePairs = (commitments: readonly NonceCommitment[]) => readonly SecretNonces[] | undefined

export interface ParticipantStep {
  readonly state: ParticipantState
  readonly effects: readonly SignEffect[]
}

type Facts = Omit<ParticipantState, 'at' | 'packageHash'>

/** Asks consent before anything is spent. */
export function openParticipant(facts: Facts): ParticipantStep {
  const hash = packageHash(facts.coordinator, facts.session, facts.package)
  const state: ParticipantState = { ...facts, packageHash: hash, at: { stage: 'asked' } }
  return { state, effects: [askConsent(state)] }
}

export function stepParticipant(state: ParticipantState, event: ParticipantEvent): ParticipantStep {
  switch (event.kind) {
    case 'again':
      return { state, effects: repeat(state) }
    case 'consent':
      return event.answer === 'yes' ? approved(state, event.pairs) : declined(state, event.answer)
  }
}

/** Name of a consent question; an answer to an older session's question finds no state. */
export const consentId = (s: Pick<ParticipantState, 'round' | 'coordinator' | 'boot' | 'session'>): string =>
  `${s.round}/${s.coordinator}/${s.boot}/${s.session}`

/** Asks again where the answer was "not asked yet": this operator's own bridge may have asked since (R27). */
export const askAgain = (state: ParticipantState): readonly SignEffect[] =>
  state.at.stage === 'declined' && state.at.reason === 'not_asked_yet' ? [askConsent(state)] : []

function askConsent(state: ParticipantState): SignEffect {
  const { round, coordinator } = state
  return { kind: 'ask_consent', id: consentId(state), round, coordinator, request: state.package.request }
}

function declined(state: ParticipantState, reason: DeclineReason): ParticipantStep {
  // Once declined, it is the coordinator's to ask anew: another reason in one slot helps nobody (R16).
  if (state.at.stage !== 'asked') return { state, effects: [] }
  const next: ParticipantState = { ...state, at: { stage: 'declined', reason } }
  return { state: next, effects: repeat(next) }
}

/** R25: everything is validated → the pairs are taken → the shares are computed, and kept for the same package. */
function approved(state: ParticipantState, pairs: TakePairs): ParticipantStep {
  const isOpen = state.at.stage === 'asked' || (state.at.stage === 'declined' && state.at.reason === 'not_asked_yet')
  const own = state.package.entries.get(state.key.owner)
  if (!isOpen || own === undefined) return { state, effects: [] }
  const sessions = sessionsOf(state.key.public, state.package)
  // Nobody could have made such a package honestly: it costs no pair.
  if (sessions === undefined) return refuse(state, 'bad_package')
  const taken = pairs(own)
  if (taken === undefined) {
    const next: ParticipantState = { ...state, at: { stage: 'declined', reason: 'unknown_nonce' } }
    return { state: next, effects: repeat(next) }
  }
  const payload = sharesOf(state, sessions, taken)
  const next: ParticipantState = { ...state, at: { stage: 'spent', payload } }
  return payload === undefined ? refuse(next, 'nonce_spent') : { state: next, effects: repeat(next) }
}

/** All or nothing (R27). Whatever becomes of it, the pairs are spent. */
function sharesOf(
  { key, coordinator, packageHash }: ParticipantState,
  sessions: readonly SigningSession[],
  pairs: readonly SecretNonces[],
): Uint8Array | undefined {
  try {
    const shares = pairs.map((pair, i) => sessions[i]?.share(key, pair) ?? new Uint8Array(0))
    return encodeSign('share', { coordinator, packageHash, shares })
  } catch (error) {
    if (codeOf(error) !== 'PACKAGE_INVALID' && codeOf(error) !== 'NONCE_SPENT') throw error
    return undefined
  } finally {
    for (const pair of pairs) pair.destroy()
  }
}

/** What this member last said to this package: the same bytes, however often it comes (R14, R25). */
function repeat(state: ParticipantState): readonly SignEffect[] {
  const { coordinator, at } = state
  switch (at.stage) {
    case 'asked':
      return []
    case 'declined':
      return [send(state, 'decline', encodeSign('decline', { coordinator, reason: at.reason }))]
    case 'spent':
      return at.payload === undefined ? [] : [send(state, 'share', at.payload)]
  }
}

function refuse(state: ParticipantState, reason: Refusal): ParticipantStep {
  return { state, effects: [{ kind: 'refused', round: state.round, author: state.coordinator, reason }] }
}

function send(state: ParticipantState, step: SignStep, payload: Uint8Array): SignEffect {
  const { setHash } = state.package.request
  const { round, session, coordinator } = state
  return { kind: 'send', to: [coordinator], setHash, round, attempt: session, step, payload }
}
