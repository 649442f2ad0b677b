import type { PendingId } from '../../base/index.ts'
import type { Messenger } from '../../p2p/index.ts'
import { disposeKeygen, type KeygenState } from '../keygen/index.ts'

/** One is active at a time (R7); more are operators that change their mind. */
const MAX_PARKED = 4

interface Parked {
  readonly attempt: number
  /** undefined: given up. */
  readonly state: KeygenState | undefined
}
const parked = new WeakMap<Messenger, Map<PendingId, Parked>>()

/**
 * A pending set may be withdrawn and approved again while the process lives. Its boot number is the same then, so a transcript
 * that was confirmed must go on with the very words that were said, or not at all: others would stand in the same slot (R16).
 * Kept in memory, beside the voice that said them.
 */
export function parkKeygen(voice: Messenger, state: KeygenState): void {
  keep(voice, state.params.pendingId, { attempt: state.params.attempt, state })
}

/** This attempt was confirmed and dropped. Its secrets are gone. */
export function markGivenUp(voice: Messenger, { params }: KeygenState): void {
  keep(voice, params.pendingId, { attempt: params.attempt, state: undefined })
}

/** Once: whoever takes it goes on with it. undefined: nothing was confirmed in that attempt by this process. */
export function takeParkedKeygen(
  voice: Messenger,
  id: PendingId,
  attempt: number,
): KeygenState | 'given_up' | undefined {
  const kept = parked.get(voice)?.get(id)
  if (kept?.attempt !== attempt) return undefined
  if (kept.state === undefined) return 'given_up'
  parked.get(voice)?.delete(id)
  return kept.state
}

function keep(voice: Messenger, id: PendingId, what: Parked): void {
  const kept = parked.get(voice) ?? new Map<PendingId, Parked>()
  parked.set(voice, kept)
  kept.delete(id)
  kept.set(id, what)
  for (const [oldest, { state }] of kept) {
    if (kept.size <= MAX_PARKED) return
    if (state !== undefined) disposeKeygen(state)
    kept.delete(oldest)
  }
}
