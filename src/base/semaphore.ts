import { type Clock, keepAliveClock } from './clock.ts'

/** So many at once, the others in the order in which they came, each for as long as it will wait. */
export class Semaphore {
  readonly #clock: Clock
  readonly #waiting = new Set<() => void>()
  #free: number

  constructor(atOnce: number, clock: Clock = keepAliveClock) {
    this.#free = atOnce
    this.#clock = clock
  }

  /** True when it is the caller's turn, who then owes a `give`; false if `withinMs` passed or `signal` aborted before. */
  take(withinMs: number, signal?: AbortSignal): Promise<boolean> {
    if (signal?.aborted) return Promise.resolve(false)
    if (this.#free > 0) {
      this.#free--
      return Promise.resolve(true)
    }
    return new Promise((resolve) => {
      const settle = (isTaken: boolean) => {
        this.#waiting.delete(enter)
        cancel()
        signal?.removeEventListener('abort', leave)
        resolve(isTaken)
      }
      const enter = () => settle(true)
      const leave = () => settle(false)
      const cancel = this.#clock.after(Math.max(0, withinMs), leave)
      signal?.addEventListener('abort', leave, { once: true })
      this.#waiting.add(enter)
    })
  }

  /** Passes the turn to who has waited longest. */
  give(): void {
    const [next] = this.#waiting
    if (next === undefined) this.#free++
    else next()
  }
}
