import { LIMITS, type PublicKey } from '../../base/index.ts'
import type { Envelope } from '../../p2p/index.ts'

/** What a member is at now it says again within seconds; what it said once, and no more, moves nobody on for ever. */
const NAMED_MS = 10_000

/** A member that was heard in a later attempt. */
export interface Ahead {
  readonly member: PublicKey
  readonly attempt: number
}

/** What is said of attempts that this node has not begun: a few per author, the newest (R14). */
export class EarlyEnvelopes {
  #kept = new Map<PublicKey, readonly Envelope[]>()
  /** The highest attempt that each has named, and when it last did. */
  readonly #named = new Map<PublicKey, { readonly attempt: number; readonly sinceMs: number; readonly atMs: number }>()

  add(envelope: Envelope, nowMs: number): void {
    const { author, attempt } = envelope
    this.#kept.set(author, [...(this.#kept.get(author) ?? []), envelope].slice(-LIMITS.maxEarlyPerAuthor))
    const before = this.#named.get(author)
    if (before?.attempt === attempt) this.#named.set(author, { ...before, atMs: nowMs })
    else if (before === undefined || attempt > before.attempt || nowMs - before.atMs > NAMED_MS)
      this.#named.set(author, { attempt, sinceMs: nowMs, atMs: nowMs })
  }

  /** Who is heard in an attempt beyond this one, whoever went there first before the others. */
  beyond(attempt: number, nowMs: number): readonly Ahead[] {
    return [...this.#named]
      .filter(([, named]) => named.attempt > attempt && nowMs - named.atMs <= NAMED_MS)
      .toSorted(([, a], [, b]) => a.sinceMs - b.sinceMs)
      .map(([member, named]) => ({ member, attempt: named.attempt }))
  }

  /** Hands out what belongs to this attempt, and forgets what is older. */
  take(attempt: number): readonly Envelope[] {
    const all = [...this.#kept.values()].flat()
    this.#kept = new Map()
    for (const e of all) if (e.attempt > attempt) this.#kept.set(e.author, [...(this.#kept.get(e.author) ?? []), e])
    return all.filter((e) => e.attempt === attempt)
  }
}
