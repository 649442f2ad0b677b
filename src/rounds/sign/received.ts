import type { Envelope, Verdict } from '../../p2p/index.ts'
import type { Refusal, SignEffect } from './types.ts'

/** What the driver feeds: an envelope of a sign topic, its own included. */
export type SignEnvelope = Pick<
  Envelope,
  'topic' | 'author' | 'boot' | 'round' | 'attempt' | 'step' | 'payload' | 'wire' | 'via'
>

export interface Received {
  readonly verdict: Verdict
  readonly effects: readonly SignEffect[]
}

export const ACCEPTED: Received = { verdict: 'accept', effects: [] }
export const IGNORED: Received = { verdict: 'ignore', effects: [] }
export const accepted = (effects: readonly SignEffect[]): Received => ({ verdict: 'accept', effects })
export const ignored = (e: Pick<SignEnvelope, 'round' | 'author'>, reason: Refusal): Received => ({
  verdict: 'ignore',
  effects: [{ kind: 'refused', round: e.round, author: e.author, reason }],
})
