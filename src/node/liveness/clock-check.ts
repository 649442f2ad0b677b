import { LIMITS } from '../../base/index.ts'

/** Beyond this our clock is to be mended before envelopes are lost for it: half of what they tolerate (R17). */
export const MAX_CLOCK_OFFSET_MS = LIMITS.clockSkewMs / 2
/** Members that must have been heard lately before anything is said of our clock: one alone may itself be wrong, or lie. */
export const MIN_CLOCK_WITNESSES = 2

export interface ClockView {
  /** Members' median clock minus ours; undefined while too few were heard. */
  readonly offsetMs: number | undefined
  readonly witnesses: number
}

/**
 * R17: the members' median, so that no liar moves it beyond what an honest member says. Of the two in the middle of an even
 * number the one nearer to zero counts, or none if they disagree about the direction: of two witnesses both must accuse us.
 */
export function judgeClock(offsetsMs: readonly number[]): ClockView {
  const witnesses = offsetsMs.length
  if (witnesses < MIN_CLOCK_WITNESSES) return { offsetMs: undefined, witnesses }
  const sorted = [...offsetsMs].sort((a, b) => a - b)
  const low = sorted[Math.floor((witnesses - 1) / 2)] ?? 0
  const high = sorted[Math.floor(witnesses / 2)] ?? 0
  if (low > 0) return { offsetMs: low, witnesses }
  return { offsetMs: Math.min(high, 0), witnesses }
}

export const isClockWrong = ({ offsetMs }: ClockView): boolean =>
  offsetMs !== undefined && Math.abs(offsetMs) > MAX_CLOCK_OFFSET_MS
