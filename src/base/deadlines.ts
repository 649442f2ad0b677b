import type { Cancel, Clock } from './clock.ts'

/** Something that is told when its time is over, unless it was taken out before. */
export interface Expiring {
  onExpired(): void
}

/**
 * Deadlines of many short-lived things over one timer: a timer set and cleared for each request costs more than the request.
 * Never early, and late by no more than the timer is. Empty, it holds no timer, so nothing keeps a process alive.
 */
export class Deadlines {
  readonly #clock: Clock
  readonly #atMs = new Map<Expiring, number>()
  #timer: Cancel | undefined
  /** When the timer fires: at the earliest deadline there was, which may be gone by now. */
  #wakesAtMs = Number.POSITIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(item: Expiring, delayMs: number): void {
    const nowMs = this.#clock.monotonicMs()
    const atMs = nowMs + delayMs
    this.#atMs.set(item, atMs)
    if (atMs < this.#wakesAtMs) this.#wakeAt(atMs, nowMs)
  }

  /** Harmless if it is not there. */
  remove(item: Expiring): void {
    if (this.#atMs.delete(item) && this.#atMs.size === 0) this.#sleep()
  }

  #wakeAt(atMs: number, nowMs: number): void {
    this.#timer?.()
    this.#wakesAtMs = atMs
    this.#timer = this.#clock.after(Math.max(0, Math.ceil(atMs - nowMs)), () => this.#wake())
  }

  #sleep(): void {
    this.#timer?.()
    this.#timer = undefined
    this.#wakesAtMs = Number.POSITIVE_INFINITY
  }

  #wake(): void {
    const nowMs = this.#clock.monotonicMs()
    const over: Expiring[] = []
    let nextMs = Number.POSITIVE_INFINITY
    for (const [item, atMs] of this.#atMs)
      if (atMs <= nowMs) over.push(item)
      else if (atMs < nextMs) nextMs = atMs
    this.#sleep()
    if (nextMs !== Number.POSITIVE_INFINITY) this.#wakeAt(nextMs, nowMs)
    // Told last: whoever is told may add and remove. One that another took out on the way is not told any more.
    for (const item of over) if (this.#atMs.delete(item)) item.onExpired()
    if (this.#atMs.size === 0) this.#sleep()
  }
}
