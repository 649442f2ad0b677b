import { BoundedMap } from '../../base/index.ts'
import { isApproved, type KnownRound } from './known.ts'

/** First verified signatures of each round (R28). */
export class SignedRounds {
  readonly #approved: BoundedMap<string, readonly Uint8Array[]>
  /** Of rounds that this operator did not approve: members can make as many as they like, and push out only these. */
  readonly #others: BoundedMap<string, readonly Uint8Array[]>

  constructor(maxRounds: number) {
    this.#approved = new BoundedMap(maxRounds)
    this.#others = new BoundedMap(maxRounds)
  }

  get(round: string): readonly Uint8Array[] | undefined {
    return this.#approved.get(round) ?? this.#others.get(round)
  }
  keep(r: KnownRound, signatures: readonly Uint8Array[]): void {
    const kept = isApproved(r) ? this.#approved : this.#others
    kept.set(r.round, signatures)
  }
}
