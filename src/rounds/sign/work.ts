import type { KnownRound } from './known.ts'
import { Places } from './places.ts'

/** The first coordinator has had one, and those after it another: whoever could end the round soon has done so. */
const DELAYS_OF_PLACE = 2

/**
 * At which of this operator's own rounds the node works. What waits for other operators has no place among those that enough
 * members are ready for, so that a backlog which only this operator wants keeps nothing else from being signed (R25, R27). Where
 * members are asked without being ready, such rounds are tried in places of their own, and not faster, whatever is answered: each
 * try uses up pairs. Methods return rounds that were given a place by it.
 */
export class Work {
  readonly #asksUnready: boolean
  readonly #ready = new Places()
  readonly #tries = new Places()

  constructor(asksUnready: boolean) {
    this.#asksUnready = asksUnready
  }

  /** Rounds that only others want hold no place. */
  isAt({ round, isWanted }: KnownRound): boolean {
    return !isWanted || this.#ready.has(round) || this.#tries.has(round)
  }

  /** Takes the place that the round should have now, or stands in the queue for it, and leaves others. */
  seat(r: KnownRound): readonly string[] {
    if (!r.isWanted) return []
    const isReady = r.ready.size >= r.key.threshold
    const places = isReady ? this.#ready : this.#asksUnready ? this.#tries : undefined
    if (places !== undefined && !places.has(r.round) && places.take(r.round)) r.placeTicks = 0
    return [
      ...(places === this.#ready ? [] : this.#ready.leave(r.round)),
      ...(places === this.#tries ? [] : this.#tries.leave(r.round)),
    ]
  }

  /** One coordinator delay has passed. Members may say that they are ready and then nothing, so no place is for long. */
  tick(r: KnownRound): readonly string[] {
    if (++r.placeTicks < DELAYS_OF_PLACE) return []
    return [...this.#ready.pass(r.round), ...this.#tries.pass(r.round)]
  }

  leave(round: string): readonly string[] {
    return [...this.#ready.leave(round), ...this.#tries.leave(round)]
  }

  clear(): void {
    this.#ready.clear()
    this.#tries.clear()
  }
}
