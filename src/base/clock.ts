/** Cancels a timer; calling it twice is harmless. */
export type Cancel = () => void

/** Time as a port, so that machines and drivers run under a virtual clock in tests. */
export interface Clock {
  /** Unix time, milliseconds. */
  now(): number
  /** Calls `fn` once after `delayMs`. Pending timers never keep the process alive. */
  after(delayMs: number, fn: () => void): Cancel
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, fn) {
    const timer = setTimeout(fn, delayMs)
    timer.unref?.()
    return () => clearTimeout(timer)
  },
}
