import type { Cancel, Clock } from './clock.ts'

/** A process that was stopped for long loses one part of a wait, not the wait. */
const PARTS = 4

/**
 * A clock for waits on another side: its timers count time in which this process was run. A timer that fires late is called
 * before what came in meanwhile is read, so it would blame the peer for our own machine. Each part of a wait begins when the one
 * before it was seen to be over, so a stop of any length counts as one of them; always run, the wait is as long as it was asked.
 */
export const patient = (clock: Clock): Clock => ({
  now: () => clock.now(),
  monotonicMs: () => clock.monotonicMs(),
  after(delayMs, fn) {
    let left = PARTS
    let cancel: Cancel
    const next = (): void => {
      cancel = clock.after(delayMs / PARTS, () => (--left === 0 ? fn() : next()))
    }
    next()
    return () => cancel()
  },
})
