import { type KeygenState, RESEND_MAX_MS, type Transition, utterance, without } from './state.ts'
import type { KeygenStep } from './steps.ts'
import type { KeygenEffect } from './types.ts'

/**
 * Says again what somebody may have missed, the same payloads in new envelopes (R14). A member that has gone on to a later
 * step has what it needed of the earlier ones.
 */
export function resend(state: KeygenState): Transition {
  const { said } = state
  /** `hasLeft`: without its envelope this node can't go on, whoever has gone on meanwhile. */
  const again = (
    step: KeygenStep,
    payload: Uint8Array | undefined,
    until: KeygenStep,
    hasLeft = true,
  ): readonly KeygenEffect[] =>
    payload === undefined || (hasLeft && without(state, until).length === 0)
      ? []
      : [{ kind: 'publish', utterance: utterance(state, step, payload) }]
  const shares = without(state, 'confirm').flatMap((to): readonly KeygenEffect[] => {
    const payload = said.shares.get(to)
    return payload === undefined ? [] : [{ kind: 'send', to, utterance: utterance(state, 'share', payload) }]
  })
  // Nothing is said after a trial share, so nothing shows that it arrived.
  const trial: readonly KeygenEffect[] =
    said.trial === undefined ? [] : [{ kind: 'publish', utterance: utterance(state, 'trial', said.trial) }]
  // A duty that must be on disk first is tried until it is.
  const unkept: readonly KeygenEffect[] =
    state.phase.kind === 'committing' ? [{ kind: 'commit', transcript: state.phase.transcript }] : []
  const resendMs = Math.min(2 * state.resendMs, RESEND_MAX_MS)
  return {
    state: { ...state, resendMs },
    effects: [
      ...again('open', said.open, 'deal'),
      ...again('deal', said.deal, 'confirm'),
      ...shares,
      ...again('confirm', said.confirm, 'trial', state.ownConfirmWire !== undefined),
      ...again('commit', said.commit, 'trial', state.ownCommitWire !== undefined),
      ...trial,
      ...unkept,
      { kind: 'arm', name: 'resend', delayMs: resendMs },
    ],
  }
}
