import type { Random } from './random.ts'

/** What a link does to packets. */
export interface Faults {
  /** One way, drawn anew for each packet: from `least` to `most`. */
  readonly delayMs: readonly [least: number, most: number]
  /** Part of the packets that never arrive. A stream's are sent again, as TCP and QUIC do, and only come later. */
  readonly loss: number
  /** Part of the gossip packets that arrive twice. */
  readonly duplication: number
  /** Part of the gossip packets that are held back for up to `lateMs`, so that later ones overtake them. */
  readonly reordering: number
  readonly lateMs: number
}

export const CALM: Faults = { delayMs: [5, 15], loss: 0, duplication: 0, reordering: 0, lateMs: 0 }
/** Continents apart, over a bad line. */
export const ROUGH: Faults = { delayMs: [100, 300], loss: 0.05, duplication: 0.1, reordering: 0.2, lateMs: 1_500 }

/** A name of a machine in the simulation: `n0`, `n1`, … */
export type Place = string

/** How the links are now: faults for all or for single links, and who can't reach whom. */
export class Weather {
  readonly #random: Random
  readonly #single = new Map<string, Partial<Faults>>()
  /** Each place's side; places on different sides don't reach each other. */
  readonly #sides = new Map<Place, number>()
  readonly #cut = new Set<string>()
  all: Faults = CALM

  constructor(random: Random) {
    this.#random = random
  }

  /** For the link from one place to another, one way, over what holds for all. */
  set(from: Place, to: Place, faults: Partial<Faults>): void {
    this.#single.set(`${from}>${to}`, faults)
  }
  clear(): void {
    this.#single.clear()
  }

  /** Places of different groups don't reach each other; places in no group form one of their own. */
  partition(...groups: readonly (readonly Place[])[]): void {
    this.#sides.clear()
    for (const [side, places] of groups.entries()) for (const place of places) this.#sides.set(place, side)
  }
  /** Both ways. */
  cut(a: Place, b: Place): void {
    this.#cut.add(`${a}>${b}`).add(`${b}>${a}`)
  }
  mend(a: Place, b: Place): void {
    for (const way of [`${a}>${b}`, `${b}>${a}`]) this.#cut.delete(way)
  }
  heal(): void {
    this.#sides.clear()
    this.#cut.clear()
  }

  reaches(from: Place, to: Place): boolean {
    return this.#sides.get(from) === this.#sides.get(to) && !this.#cut.has(`${from}>${to}`)
  }
  faults(from: Place, to: Place): Faults {
    const single = this.#single.get(`${from}>${to}`)
    return single === undefined ? this.all : { ...this.all, ...single }
  }

  delayMs(from: Place, to: Place): number {
    return this.#random.between(...this.faults(from, to).delayMs)
  }
  isLost(from: Place, to: Place): boolean {
    return this.#random.chance(this.faults(from, to).loss)
  }
  /** When each copy of a gossip packet arrives: none, one, or two. */
  arrivalsMs(from: Place, to: Place): readonly number[] {
    const { loss, duplication, reordering, lateMs } = this.faults(from, to)
    const copies = this.#random.chance(duplication) ? 2 : 1
    const arrivals: number[] = []
    for (let i = 0; i < copies; i++) {
      if (this.#random.chance(loss)) continue
      const heldBackMs = this.#random.chance(reordering) ? this.#random.between(0, lateMs) : 0
      arrivals.push(this.delayMs(from, to) + heldBackMs)
    }
    return arrivals
  }
}
