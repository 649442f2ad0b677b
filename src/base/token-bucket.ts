/** A rate limit: `capacity` at once, refilled at `perSecond`. Constant size, so it may be kept per known peer. */
export class TokenBucket {
  readonly #capacity: number
  readonly #perSecond: number
  #tokens: number
  #at: number
  constructor(capacity: number, perSecond: number, nowMs: number) {
    this.#capacity = capacity
    this.#perSecond = perSecond
    this.#tokens = capacity
    this.#at = nowMs
  }
  /** Takes `cost` tokens if they are there. */
  take(nowMs: number, cost = 1): boolean {
    if (!this.holds(nowMs, cost)) return false
    this.#tokens -= cost
    return true
  }
  /**
   * As `take`, but whoever wants more than the bucket holds gets it when it is full, and what is owed is refilled first. `taken` of
   * `cost` were taken before.
   */
  takeOrOwe(nowMs: number, cost: number, taken = 0): boolean {
    if (!this.holds(nowMs, Math.min(cost, this.#capacity) - taken)) return false
    this.#tokens -= cost - taken
    return true
  }
  /** Are `cost` tokens there? Takes none. */
  holds(nowMs: number, cost = 1): boolean {
    const elapsedMs = Math.max(0, nowMs - this.#at)
    this.#at = nowMs
    this.#tokens = Math.min(this.#capacity, this.#tokens + (elapsedMs / 1000) * this.#perSecond)
    return this.#tokens >= cost
  }
}
