import { LIMITS, type PublicKey, type TranscriptHash } from '../../base/index.ts'
import type { NonceCommitment } from '../../crypto/index.ts'
import { pairName } from './pools.ts'

interface Shelf {
  readonly transcript: TranscriptHash
  /** Of the member's process: another one holds none of these pairs. */
  readonly boot: number
  readonly unused: Map<string, NonceCommitment>
}

/** How much of the pairs that a member says for us is enough: `usualItems` digests in as many sessions as a round may need. */
export const enoughPairs = (threshold: number, members: number, usualItems: number): number =>
  Math.min(LIMITS.maxNoncesPerCoordinator / 2, Math.max(MIN_PAIRS, (members - threshold + 1) * usualItems))
/** A few rounds at once. */
const MIN_PAIRS = 8

/** Nonce commitments that members handed to this node as coordinator, each to be put into one package and no other. */
export class NonceSupply {
  readonly #shelves = new Map<PublicKey, Shelf>()

  count(member: PublicKey, transcript: TranscriptHash): number {
    const shelf = this.#shelves.get(member)
    return shelf?.transcript === transcript ? shelf.unused.size : 0
  }

  /** Those of them that are not here yet, and have room. */
  missing(
    member: PublicKey,
    boot: number,
    transcript: TranscriptHash,
    commitments: readonly NonceCommitment[],
  ): readonly NonceCommitment[] {
    const shelf = this.#shelves.get(member)
    if (shelf?.transcript !== transcript || shelf.boot !== boot) return commitments
    const room = Math.max(0, LIMITS.maxNoncesPerCoordinator - shelf.unused.size)
    return commitments.filter((c) => !shelf.unused.has(pairName(c))).slice(0, room)
  }

  put(member: PublicKey, boot: number, transcript: TranscriptHash, commitments: readonly NonceCommitment[]): void {
    const known = this.#shelves.get(member)
    const isSame = known?.transcript === transcript && known.boot === boot
    const shelf = isSame ? known : { transcript, boot, unused: new Map<string, NonceCommitment>() }
    this.#shelves.set(member, shelf)
    for (const c of commitments)
      if (shelf.unused.size < LIMITS.maxNoncesPerCoordinator) shelf.unused.set(pairName(c), c)
  }

  /** The oldest `count`, out of the supply for good; undefined, and none taken, if there are fewer. */
  take(member: PublicKey, transcript: TranscriptHash, count: number): NonceCommitment[] | undefined {
    const { unused, transcript: of } = this.#shelves.get(member) ?? {}
    if (unused === undefined || of !== transcript || unused.size < count) return undefined
    const taken = [...unused.values()].slice(0, count)
    for (const c of taken) unused.delete(pairName(c))
    return taken
  }

  /** The member speaks from a newer process: what its former one handed over is worth nothing. */
  expire(member: PublicKey, boot: number): void {
    const shelf = this.#shelves.get(member)
    if (shelf !== undefined && shelf.boot < boot) this.#shelves.delete(member)
  }

  drop(member: PublicKey): void {
    this.#shelves.delete(member)
  }
  clear(): void {
    this.#shelves.clear()
  }
}
