import { codeOf, type PublicKey } from '../../base/index.ts'
import { type KeyPackage, type SecretNonces, sameCommitment, signShare } from '../../crypto/index.ts'
import type { Consent } from '../../signer/index.ts'
import { encodeSign } from './codec.ts'
import { packageHash, sameRequest } from './hashes.ts'
import type { DeclineReason, Refusal, SignEffect, SignPackage, SignRequest, SignStep } from './types.ts'

/**
 * One member in one session of one coordinator (R25). A newer session of the same coordinator is a new state; the book
 * drops the old one with its nonces.
 */
export interface ParticipantState {
  readonly round: string
  readonly request: SignRequest
  readonly key: KeyPackage
  readonly coordinator: PublicKey
  readonly run: string
  /** Boot number of the coordinator's envelope: orders its runs. */
  readonly boot: number
  readonly session: number
  readonly at: Stage
}
type Stage =
  | { readonly stage: 'asked' }
  | { readonly stage: 'declined'; readonly reason: DeclineReason }
  | { readonly stage: 'committed'; readonly nonces: SecretNonces }
  /** The pair is gone. `payload` is undefined if the computation failed after it was taken. */
  | { readonly stage: 'spent'; readonly packageHash: string; readonly payload: Uint8Array | undefined }

export type ParticipantEvent =
  /** The open of this very session, once more. */
  | { readonly kind: 'open' }
  /** `fresh` comes with `yes`: made for this state alone, used or destroyed by it (R25). */
  | { readonly kind: 'consent'; readonly answer: 'yes'; readonly fresh: SecretNonces }
  | { readonly kind: 'consent'; readonly answer: Exclude<Consent, 'yes'> }
  | { readonly kind: 'package'; readonly session: number; readonly package: SignPackage }
  /** Expired, evicted, replaced, or the round is done. */
  | { readonly kind: 'close' }

export interface ParticipantStep {
  readonly state: ParticipantState
  readonly effects: readonly SignEffect[]
}

/** Asks consent before any nonce is made. */
export function openParticipant(facts: Omit<ParticipantState, 'at'>): ParticipantStep {
  const state: ParticipantState = { ...facts, at: { stage: 'asked' } }
  return { state, effects: [askConsent(state)] }
}

export function stepParticipant(state: ParticipantState, event: ParticipantEvent): ParticipantStep {
  switch (event.kind) {
    case 'open':
      return { state, effects: repeat(state) }
    case 'consent':
      return consented(state, event)
    case 'package':
      return packaged(state, event.session, event.package)
    case 'close':
      if (state.at.stage === 'committed') state.at.nonces.destroy()
      return { state: { ...state, at: { stage: 'declined', reason: 'refused' } }, effects: [] }
  }
}

/** Name of a consent question; an answer to an older session's question finds no state. */
export const consentId = (s: Pick<ParticipantState, 'round' | 'coordinator' | 'run' | 'session'>): string =>
  `${s.round}/${s.coordinator}/${s.run}/${s.session}`

/** Asks again where the answer was "not asked yet": this operator's own bridge may have asked since (R27). */
export const askAgain = (state: ParticipantState): readonly SignEffect[] =>
  state.at.stage === 'declined' && state.at.reason === 'not_asked_yet' ? [askConsent(state)] : []

function askConsent(state: ParticipantState): SignEffect {
  const { round, coordinator, request } = state
  return { kind: 'ask_consent', id: consentId(state), round, coordinator, request }
}

function consented(state: ParticipantState, event: ParticipantEvent & { kind: 'consent' }): ParticipantStep {
  const first = state.at.stage === 'asked'
  const again = state.at.stage === 'declined' && state.at.reason === 'not_asked_yet'
  if (event.answer === 'yes') {
    if (!first && !again) {
      event.fresh.destroy()
      return { state, effects: [] }
    }
    const next: ParticipantState = { ...state, at: { stage: 'committed', nonces: event.fresh } }
    return { state: next, effects: repeat(next) }
  }
  // A second decline in one session would be another payload in the same slot (R16): the next session hears it.
  if (!first) return { state, effects: [] }
  const next: ParticipantState = { ...state, at: { stage: 'declined', reason: event.answer } }
  return { state: next, effects: repeat(next) }
}

/** What this member last said in this session: the same bytes, however often it is asked (R14, R25). */
function repeat(state: ParticipantState): readonly SignEffect[] {
  const to = { coordinator: state.coordinator, run: state.run }
  switch (state.at.stage) {
    case 'asked':
      return []
    case 'declined':
      return [publish(state, 'decline', encodeSign('decline', { to, reason: state.at.reason }))]
    case 'committed':
      return [publish(state, 'commit', encodeSign('commit', { to, commitment: state.at.nonces.commitment }))]
    case 'spent':
      return state.at.payload === undefined ? [] : [publish(state, 'share', state.at.payload)]
  }
}

/** R25: validate everything → delete the pair → compute; cached by package hash. */
function packaged(state: ParticipantState, session: number, p: SignPackage): ParticipantStep {
  if (session !== state.session || p.run !== state.run) return refuse(state, 'stale_session')
  if (!sameRequest(p.request, state.request)) return refuse(state, 'request_changed')
  const own = p.commitments.get(state.key.owner)
  if (own === undefined) return { state, effects: [] } // others were chosen
  const hash = packageHash(state.coordinator, session, p)
  if (state.at.stage === 'spent')
    return state.at.packageHash === hash ? { state, effects: repeat(state) } : refuse(state, 'nonce_spent')
  if (state.at.stage !== 'committed') return refuse(state, 'unknown_session')
  const { nonces } = state.at
  if (!sameCommitment(own, nonces.commitment)) return refuse(state, 'commitment_changed')
  const spent = (payload: Uint8Array | undefined): ParticipantState => ({
    ...state,
    at: { stage: 'spent', packageHash: hash, payload },
  })
  try {
    const share = signShare(state.key, nonces, p.commitments, p.request.digest, p.request.tweak)
    const to = { coordinator: state.coordinator, run: state.run }
    const next = spent(encodeSign('share', { to, packageHash: hash, share }))
    return { state: next, effects: repeat(next) }
  } catch (error) {
    // `signShare` validates before it takes the pair: a package it calls invalid cost nothing.
    if (codeOf(error) === 'PACKAGE_INVALID') return refuse(state, 'bad_package')
    return refuse(spent(undefined), 'nonce_spent')
  }
}

function refuse(state: ParticipantState, reason: Refusal): ParticipantStep {
  return { state, effects: [{ kind: 'refused', round: state.round, author: state.coordinator, reason }] }
}

function publish(state: ParticipantState, step: SignStep, payload: Uint8Array): SignEffect {
  return {
    kind: 'publish',
    setHash: state.request.setHash,
    round: state.round,
    attempt: state.session,
    step,
    payload,
  }
}
