import type { Cancel, Clock } from './clock.ts'

/** Something that is told when its time is over, unless it was taken out before. */
export abstract class Expiring {
  /** For `Deadlines` alone: when, on the monotonic clock, and where it stands there. */
  expiresAtMs = 0
  expiryPlace = -1
  abstract onExpired(): void
}

/**
 * Deadlines of many short-lived things over one timer: a timer set and cleared for each request costs more than the request.
 * Never early, and late by no more than the timer is. Empty, it holds no timer, so nothing keeps a process alive.
 */
export class Deadlines {
  readonly #clock: Clock
  /** In no order. */
  readonly #items: Expiring[] = []
  #timer: Cancel | undefined
  /** When the timer fires: at the earliest deadline there was, which may be gone by now. */
  #wakesAtMs = Number.POSITIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** An item has one deadline, in one of these. */
  add(item: Expiring, delayMs: number): void {
    const nowMs = this.#clock.monotonicMs()
    item.expiresAtMs = nowMs + delayMs
    item.expiryPlace = this.#items.push(item) - 1
    if (item.expiresAtMs < this.#wakesAtMs) this.#wakeAt(item.expiresAtMs, nowMs)
  }

  /** Harmless if it is not there. */
  remove(item: Expiring): void {
    const place = item.expiryPlace
    if (place === -1) return
    item.expiryPlace = -1
    const last = this.#items.pop()
    if (last !== undefined && last !== item) {
      this.#items[place] = last
      last.expiryPlace = place
    }
    if (this.#items.length === 0) this.#sleep()
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
    this.#sleep()
    const over = this.#items.filter((item) => item.expiresAtMs <= nowMs)
    for (const item of over) this.remove(item)
    const nextMs = this.#items.reduce((min, item) => Math.min(min, item.expiresAtMs), Number.POSITIVE_INFINITY)
    if (nextMs !== Number.POSITIVE_INFINITY) this.#wakeAt(nextMs, nowMs)
    // Told last: whoever is told may add and remove.
    for (const item of over) item.onExpired()
  }
}
