import type { Snapshot } from './types.ts'

/** Default of `max_age`. */
export const DEFAULT_MAX_AGE_MS = 3_600_000

/**
 * R5: whether a snapshot is too old to widen trust by. A reading from the far future counts as too old as well: a wall clock
 * that was set back must not keep an old set fresh for as long as it was wrong. No snapshot is not stale, it is unknown.
 */
export function isStale(snapshot: Snapshot | undefined, maxAgeMs: number, nowMs: number): boolean {
  return snapshot !== undefined && Math.abs(nowMs - snapshot.readAtMs) > maxAgeMs
}
