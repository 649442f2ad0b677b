import { toHex, utf8 } from '../../src/base/index.ts'
import { sha256 } from '../../src/curve/index.ts'

/** How many of the latest events are kept as text. */
const KEPT = 2_000

/** Everything that happened on the network, in order: two runs are the same exactly when their hashes are. */
export class Trace {
  readonly #now: () => number
  readonly #latest: string[] = []
  #hash = new Uint8Array(32)
  #pending: string[] = []
  length = 0

  constructor(now: () => number) {
    this.#now = now
  }

  note(event: string): void {
    const line = `${this.#now()} ${event}`
    this.length++
    this.#pending.push(line)
    this.#latest.push(line)
    if (this.#latest.length > KEPT) this.#latest.shift()
    if (this.#pending.length >= KEPT) this.#fold()
  }

  hash(): string {
    this.#fold()
    return toHex(this.#hash)
  }
  /** For a failed test's reader: `sim.trace.latest().slice(-50)`. */
  latest(): readonly string[] {
    return this.#latest
  }

  #fold(): void {
    this.#hash = Uint8Array.from(sha256(utf8(`${toHex(this.#hash)}\n${this.#pending.join('\n')}`)))
    this.#pending = []
  }
}
