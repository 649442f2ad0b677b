/** Cancels a timer; calling it twice is harmless. */
export type Cancel = () => void

/** Time as a port, so that machines and drivers run under a virtual clock in tests. */
export interface Clock {
  /**
   * Unix time, milliseconds: for what is told, stored or compared with another machine's. It may jump at any time, an
   * hour back or forth, so it measures nothing.
   */
  now(): number
  /** Milliseconds since some moment of this process, for intervals: it never jumps, and means nothing to anybody else. */
  monotonicMs(): number
  /** Calls `fn` once after `delayMs`. Whether a pending timer keeps the process alive is the clock's choice. */
  after(delayMs: number, fn: () => void): Cancel
}

/** For a node: its listeners keep it alive, and no timer of its own shall hold up its end. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, fn) {
    const timer = setTimeout(fn, delayMs)
    timer.unref?.()
    return () => clearTimeout(timer)
  },
}

/**
 * For work that somebody awaits: a pending timer keeps the process alive. When a lost connection leaves nothing else open,
 * Node would otherwise exit with the promise unsettled ("unsettled top-level await", 13) before its deadline fires.
 */
export const keepAliveClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, fn) {
    const timer = setTimeout(fn, delayMs)
    return () => clearTimeout(timer)
  },
}
