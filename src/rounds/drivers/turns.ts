import { type Clock, keepAliveClock } from '../../base/index.ts'

/** So many at once, the others in the order in which they came. */
export class Turns {
  #free: number
  readonly #clock: Clock
  readonly #queue: (() => void)[] = []
  constructor(atOnce: number, clock: Clock = keepAliveClock) {
    this.#free = atOnce
    this.#clock = clock
  }

  /** True when it is the caller's turn, who then owes a `give`; false if `timeoutMs` passed or `signal` aborted before. */
  take(timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    if (signal?.aborted) return Promise.resolve(false)
    if (this.#free > 0) {
      this.#free--
      return Promise.resolve(true)
    }
    return new Promise((resolve) => {
      const settle = (turn: boolean) => {
        cancel()
        signal?.removeEventListener('abort', leave)
        resolve(turn)
      }
      const enter = () => settle(true)
      const leave = () => {
        const at = this.#queue.indexOf(enter)
        if (at >= 0) this.#queue.splice(at, 1)
        settle(false)
      }
      const cancel = this.#clock.after(Math.max(0, timeoutMs), leave)
      signal?.addEventListener('abort', leave, { once: true })
      this.#queue.push(enter)
    })
  }

  give(): void {
    const next = this.#queue.shift()
    if (next === undefined) this.#free++
    else next()
  }
}
