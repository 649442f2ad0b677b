/** Cancels a timer; calling it twice is harmless. */
export type Cancel = () => void

/** Time as a port, so that machines and drivers run under a virtual clock in tests. */
export interface Clock {
  /** Unix time, milliseconds. */
  now(): number
  /** Calls `fn` once after `delayMs`. Whether a pending timer keeps the process alive is the clock's choice. */
  after(delayMs: number, fn: () => void): Cancel
}

/** For a node: its listeners keep it alive, and no timer of its own shall hold up its end. */
export const systemClock: Clock = {
  now: () => Date.now(),
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
  after(delayMs, fn) {
    const timer = setTimeout(fn, delayMs)
    return () => clearTimeout(timer)
  },
}
