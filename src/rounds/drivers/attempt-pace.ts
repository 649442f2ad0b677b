import type { KeygenAbort } from '../keygen/index.ts'
import type { Ahead } from './early-envelopes.ts'

/** Pause before a new attempt, so that a member that fails at once does not spin. */
export const RETRY_MS = 1_000
/** The same after a disk failed: every attempt costs all members a share on theirs, and somebody has to mend this one. */
const DISK_RETRY_MS = 30_000
/** The longest pause after attempts that were left though this node had confirmed them. */
const MAX_RETRY_MS = 5 * 60_000
/** How far two members that agree move this node on at once: after a day away it is with the others again within a minute. */
const MAX_AHEAD = 64
/** The number stands in an envelope as 32 bits. */
export const MAX_ATTEMPT = 4_294_967_295

/**
 * When the next attempt may begin, and which. Each that this node has confirmed leaves a share on its disk for good (R20, R21), and
 * one member can bring all others to such an end as often as it likes: so each makes the next pause twice as long.
 */
export class AttemptPace {
  #leftConfirmed = 0
  #notBeforeMs = 0

  begun(nowMs: number): void {
    this.#notBeforeMs = nowMs + RETRY_MS
  }

  ended(nowMs: number, end: { readonly confirmed: boolean; readonly reason: KeygenAbort['kind'] }): void {
    if (end.confirmed) this.#leftConfirmed++
    // Whoever is overtaken has waited already.
    if (end.confirmed || end.reason !== 'overtaken') this.#notBeforeMs = nowMs + this.#pauseMs(end)
  }

  #pauseMs({ confirmed, reason }: { readonly confirmed: boolean; readonly reason: KeygenAbort['kind'] }): number {
    if (confirmed) return Math.min(RETRY_MS * 2 ** this.#leftConfirmed, MAX_RETRY_MS)
    return reason === 'disk' ? DISK_RETRY_MS : RETRY_MS
  }

  waitMs(nowMs: number): number {
    return Math.max(0, this.#notBeforeMs - nowMs)
  }

  /** One member moves this node one attempt on; further only two who agree do. */
  nextAfter(attempt: number, ahead: readonly Ahead[]): number {
    const [, agreed = 0] = ahead.map((a) => a.attempt).toSorted((a, b) => b - a)
    return Math.max(attempt + 1, Math.min(agreed, attempt + MAX_AHEAD))
  }
}
