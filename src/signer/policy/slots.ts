import type { Cancel, Clock } from '../../base/index.ts'

/** So many at once; the others wait their turn, first come, first served, each for as long as it will. */
export class Slots {
  readonly #clock: Clock
  readonly #waiting = new Set<() => void>()
  #free: number

  constructor(count: number, clock: Clock) {
    this.#free = count
    this.#clock = clock
  }

  /** Takes a slot if one is free now. */
  tryTake(): boolean {
    if (this.#free === 0) return false
    this.#free--
    return true
  }

  /** True when a slot is taken, false if none became free in time or the signal aborted. */
  take(withinMs: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted || withinMs <= 0) return Promise.resolve(false)
    if (this.tryTake()) return Promise.resolve(true)
    return new Promise((resolve) => {
      let cancel: Cancel = () => {}
      const end = (taken: boolean) => {
        this.#waiting.delete(grant)
        cancel()
        signal.removeEventListener('abort', giveUp)
        resolve(taken)
      }
      const grant = () => end(true)
      const giveUp = () => end(false)
      this.#waiting.add(grant)
      cancel = this.#clock.after(withinMs, giveUp)
      signal.addEventListener('abort', giveUp, { once: true })
    })
  }

  /** Passes the slot to who has waited longest. */
  give(): void {
    const [next] = this.#waiting
    if (next === undefined) this.#free++
    else next()
  }
}
