/**
 * Counters remembered per author and boot. Counters run over all topics and direct messages of an author, so a receiver
 * sees gaps, and messages that took different ways overtake each other; but not by thousands.
 */
export const SEQUENCE_WINDOW = 4_096

export type SequenceAnswer = 'fresh' | 'replay' | 'older_boot'

/** R16: (boot, counter) of one author. A new boot starts afresh, an older one is over, a counter is taken once. */
export class SequenceWindow {
  #boot = -1
  #highest = -1
  readonly #seen = new Uint32Array(SEQUENCE_WINDOW / 32)

  /** Latest boot heard; -1 if none. */
  get boot(): number {
    return this.#boot
  }

  /** `replay` also stands for counters that have left the window: they can't be told from replays. */
  ask(boot: number, counter: number): SequenceAnswer {
    if (boot < this.#boot) return 'older_boot'
    if (boot > this.#boot || counter > this.#highest) return 'fresh'
    if (counter <= this.#highest - SEQUENCE_WINDOW) return 'replay'
    return this.#has(counter) ? 'replay' : 'fresh'
  }

  /** Takes a counter that `ask` called fresh. */
  take(boot: number, counter: number): void {
    if (boot > this.#boot) {
      this.#boot = boot
      this.#highest = counter
      this.#seen.fill(0)
    }
    if (counter > this.#highest) {
      const steps = Math.min(counter - this.#highest, SEQUENCE_WINDOW)
      for (let i = 0; i < steps; i++) this.#put(counter - i, false)
      this.#highest = counter
    }
    this.#put(counter, true)
  }

  #has(counter: number): boolean {
    const bit = counter % SEQUENCE_WINDOW
    return ((this.#seen[bit >>> 5] ?? 0) & (1 << (bit & 31))) !== 0
  }
  #put(counter: number, seen: boolean): void {
    const bit = counter % SEQUENCE_WINDOW
    const mask = 1 << (bit & 31)
    const word = this.#seen[bit >>> 5] ?? 0
    this.#seen[bit >>> 5] = seen ? word | mask : word & ~mask
  }
}
