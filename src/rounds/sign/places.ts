/** Rounds at which a node works at once: more would only share the same processors, and run out of time together. */
const MAX_ROUNDS = 32

/** So many rounds hold a place, the others wait in the order in which they came. What gives a place says who has it then. */
export class Places {
  readonly #most: number
  readonly #held = new Set<string>()
  readonly #queue = new Set<string>()

  constructor(most = MAX_ROUNDS) {
    this.#most = most
  }

  has(round: string): boolean {
    return this.#held.has(round)
  }

  /** True if the round holds a place now; else it stands in the queue. */
  take(round: string): boolean {
    if (this.#held.has(round)) return true
    if (this.#held.size < this.#most) this.#held.add(round)
    else this.#queue.add(round)
    return this.#held.has(round)
  }

  /** The round needs none any more. */
  leave(round: string): readonly string[] {
    this.#queue.delete(round)
    if (!this.#held.delete(round)) return []
    const [next] = this.#queue
    if (next === undefined) return []
    this.#queue.delete(next)
    this.#held.add(next)
    return [next]
  }

  /** The round has had its time, and waits again, behind all others. Where nobody waits it keeps its place. */
  pass(round: string): readonly string[] {
    if (!this.#held.has(round) || this.#queue.size === 0) return []
    const next = this.leave(round)
    this.#queue.add(round)
    return next
  }

  clear(): void {
    this.#held.clear()
    this.#queue.clear()
  }
}
