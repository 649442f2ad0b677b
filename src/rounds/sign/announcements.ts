import type { SignEffect } from './types.ts'

/**
 * How much of what members take of one author (`authorBurst`, `authorPerSecond`) may be `ready`: the rest is for results, and
 * for whatever else this node has to say. Beyond it members would hear neither.
 */
const READY_BURST = 256
const READY_PER_TURN = 16
const READY_TURN_MS = 250
const TURN_ID = 'announce'
type Effects = readonly SignEffect[]

/**
 * In which order this node says that it is ready for its own requests, all of which are told at once as long as they are not
 * very many: what was never said comes before what is said again.
 */
export class Announcements {
  readonly #say: (round: string) => Effects
  readonly #first = new Set<string>()
  readonly #again = new Set<string>()
  #left = READY_BURST
  #isArmed = false

  /** `say`: what is said of this round now; nothing if it is over. */
  constructor(say: (round: string) => Effects) {
    this.#say = say
  }

  /** Rounds that are still to be said. */
  get size(): number {
    return this.#first.size + this.#again.size
  }

  first(round: string): Effects {
    this.#first.add(round)
    return this.#drain()
  }
  again(round: string): Effects {
    if (!this.#first.has(round)) this.#again.add(round)
    return this.#drain()
  }
  forget(round: string): void {
    this.#first.delete(round)
    this.#again.delete(round)
  }

  /** undefined: not this timer. */
  timer(id: string): Effects | undefined {
    if (id !== TURN_ID) return undefined
    this.#isArmed = false
    this.#left = Math.min(READY_BURST, this.#left + READY_PER_TURN)
    const said = this.#drain()
    return this.#left < READY_BURST && !this.#isArmed ? [...said, this.#arm()] : said
  }

  clear(): Effects {
    this.#first.clear()
    this.#again.clear()
    if (!this.#isArmed) return []
    this.#isArmed = false
    return [{ kind: 'disarm', id: TURN_ID }]
  }

  #drain(): Effects {
    const said: SignEffect[] = []
    while (this.#left > 0) {
      const [round] = this.#first.size > 0 ? this.#first : this.#again
      if (round === undefined) break
      this.forget(round)
      this.#left--
      said.push(...this.#say(round))
    }
    // A node that says little arms nothing.
    return this.#left <= READY_BURST / 2 && !this.#isArmed ? [...said, this.#arm()] : said
  }

  #arm(): SignEffect {
    this.#isArmed = true
    return { kind: 'arm', id: TURN_ID, afterMs: READY_TURN_MS }
  }
}
