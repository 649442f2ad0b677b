import { LIMITS, type PublicKey } from '../../base/index.ts'
import type { Envelope } from '../../p2p/index.ts'

/** What is said of attempts that this node has not begun: a few per author, the newest (R14). */
export class EarlyEnvelopes {
  #kept = new Map<PublicKey, readonly Envelope[]>()

  add(envelope: Envelope): void {
    const kept = [...(this.#kept.get(envelope.author) ?? []), envelope]
    this.#kept.set(envelope.author, kept.slice(-LIMITS.maxEarlyPerAuthor))
  }

  /** The attempts beyond this one that members have named, one per member, highest first. */
  beyond(attempt: number): readonly number[] {
    return [...this.#kept.values()]
      .map((envelopes) => Math.max(...envelopes.map((e) => e.attempt)))
      .filter((named) => named > attempt)
      .toSorted((a, b) => b - a)
  }

  /** Hands out what belongs to this attempt, and forgets what is older. */
  take(attempt: number): readonly Envelope[] {
    const all = [...this.#kept.values()].flat()
    this.#kept = new Map()
    for (const envelope of all) if (envelope.attempt > attempt) this.add(envelope)
    return all.filter((e) => e.attempt === attempt)
  }
}
