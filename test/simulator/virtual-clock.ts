import type { Cancel, Clock } from '../../src/base/index.ts'

interface Timer {
  readonly atMs: number
  readonly order: number
  /** Undefined once cancelled. */
  fn: (() => void) | undefined
}

/** All promise work that is ready runs before this resolves: Node empties its microtasks before the next turn of its loop. */
const drained = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/**
 * Time that stands still while anything happens. Timers fire one by one, in order of time and then of being set; between
 * two of them everything that was made ready by the first one ends. A timer that throws ends the run.
 */
export class VirtualClock implements Clock {
  #nowMs: number
  readonly #startMs: number
  #order = 0
  /** A binary heap: a run of 15 nodes keeps thousands of timers. */
  readonly #heap: Timer[] = []
  /** Timers fired so far. */
  fired = 0

  constructor(nowMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = nowMs
    this.#startMs = nowMs
  }

  now(): number {
    return this.#nowMs
  }
  monotonicMs(): number {
    return this.#nowMs - this.#startMs
  }

  after(delayMs: number, fn: () => void): Cancel {
    // As Node's timers: whole milliseconds, at least one.
    const timer: Timer = { atMs: this.#nowMs + Math.max(1, Math.trunc(delayMs)), order: this.#order++, fn }
    this.#push(timer)
    return () => {
      timer.fn = undefined
    }
  }

  /** Resolves after `delayMs` of virtual time. */
  pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve))
  }

  async runFor(durationMs: number): Promise<void> {
    // Whole milliseconds, as Node's clock has.
    const endMs = this.#nowMs + Math.trunc(durationMs)
    await drained()
    while (this.#due(endMs)) await this.#fire()
    this.#nowMs = endMs
  }

  /** Runs until `holds`, and resolves with the virtual time it took. Throws when `withinMs` have passed without. */
  async until(what: string, withinMs: number, holds: () => boolean): Promise<number> {
    const startMs = this.#nowMs
    await drained()
    while (!holds()) {
      if (!this.#due(startMs + withinMs)) throw new Error(`${withinMs} ms of virtual time were not enough: ${what}`)
      await this.#fire()
    }
    return this.#nowMs - startMs
  }

  /** Runs until the promise is settled, and gives what it gives. */
  async settled<T>(what: string, withinMs: number, promise: Promise<T>): Promise<T> {
    let over = false
    const end = () => {
      over = true
    }
    promise.then(end, end)
    await this.until(what, withinMs, () => over)
    return await promise
  }

  #due(endMs: number): boolean {
    for (let next = this.#heap[0]; next !== undefined; next = this.#heap[0]) {
      if (next.fn !== undefined) return next.atMs <= endMs
      this.#pop()
    }
    return false
  }

  async #fire(): Promise<void> {
    const timer = this.#pop()
    if (timer?.fn === undefined) return
    this.#nowMs = Math.max(this.#nowMs, timer.atMs)
    this.fired++
    timer.fn()
    await drained()
  }

  #push(timer: Timer): void {
    const heap = this.#heap
    let at = heap.push(timer) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(timer, heap[parent])) break
      this.#swap(at, parent)
      at = parent
    }
  }

  #pop(): Timer | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    heap[0] = last
    for (let at = 0; ; ) {
      const left = 2 * at + 1
      const child = isBefore(heap[left + 1], heap[left]) ? left + 1 : left
      if (!isBefore(heap[child], heap[at])) return first
      this.#swap(at, child)
      at = child
    }
  }

  #swap(i: number, j: number): void {
    const [a, b] = [this.#heap[i], this.#heap[j]]
    if (a === undefined || b === undefined) return
    this.#heap[i] = b
    this.#heap[j] = a
  }
}

const isBefore = (a: Timer | undefined, b: Timer | undefined): boolean =>
  a !== undefined && (b === undefined || a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order))

/** One process's view of the time: skewed, and gone with the process. */
export class ProcessClock implements Clock {
  readonly #clock: VirtualClock
  readonly #timers = new Set<Cancel>()
  /** Added to `now`; timers and `monotonicMs` measure durations and don't feel it. */
  skewMs: number
  #dead = false

  constructor(clock: VirtualClock, skewMs: number) {
    this.#clock = clock
    this.skewMs = skewMs
  }

  now(): number {
    return this.#clock.now() + this.skewMs
  }
  monotonicMs(): number {
    return this.#clock.monotonicMs()
  }

  after(delayMs: number, fn: () => void): Cancel {
    if (this.#dead) return () => {}
    const cancel = this.#clock.after(delayMs, () => {
      this.#timers.delete(cancel)
      fn()
    })
    this.#timers.add(cancel)
    return () => {
      cancel()
      this.#timers.delete(cancel)
    }
  }

  /** kill −9: no timer of the process fires any more. */
  kill(): void {
    this.#dead = true
    for (const cancel of this.#timers) cancel()
    this.#timers.clear()
  }
}
