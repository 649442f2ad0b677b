import { LIMITS, type PublicKey, type TranscriptHash, toHex } from '../../base/index.ts'
import { commitNonces, type KeyPackage, type NonceCommitment, type SecretNonces } from '../../crypto/index.ts'

/** Public name of a pair: no two are alike. */
export const pairName = (c: NonceCommitment): string => `${toHex(c.hiding)}${toHex(c.binding)}`

interface Pool {
  readonly transcript: TranscriptHash
  /** Of the coordinator's process: what its predecessor was given is dead (R25). */
  readonly boot: number
  /** In the order in which they were handed over. */
  readonly pairs: Map<string, SecretNonces>
}

/**
 * Unused nonce pairs of this process, each for one coordinator, key and transcript (R25). In memory only. A pair leaves once:
 * taken for one package, or destroyed.
 */
export class NoncePools {
  readonly #pools = new Map<PublicKey, Pool>()
  readonly #rng: (lengthBytes?: number) => Uint8Array

  constructor(rng: (lengthBytes?: number) => Uint8Array) {
    this.#rng = rng
  }

  get size(): number {
    return [...this.#pools.values()].reduce((n, { pairs }) => n + pairs.size, 0)
  }

  /** How many more the coordinator may be given before old ones go: those it lost on the way, or keeps for no good reason. */
  roomFor(coordinator: PublicKey, transcript: TranscriptHash, boot: number): number {
    const pool = this.#pools.get(coordinator)
    const isSame = pool?.transcript === transcript && pool.boot === boot
    return LIMITS.maxNoncesPerCoordinator - (isSame ? pool.pairs.size : 0)
  }

  /** Fresh pairs for this coordinator alone. Beyond the cap its oldest are destroyed. */
  make(
    coordinator: PublicKey,
    boot: number,
    transcript: TranscriptHash,
    key: KeyPackage,
    count: number,
  ): NonceCommitment[] {
    const { pairs } = this.#poolOf(coordinator, boot, transcript)
    const made: NonceCommitment[] = []
    for (let i = 0; i < count; i++) {
      const { nonces, commitment } = commitNonces(key, this.#rng)
      pairs.set(pairName(commitment), nonces)
      made.push(commitment)
    }
    for (const [name, nonces] of pairs) {
      if (pairs.size <= LIMITS.maxNoncesPerCoordinator) break
      pairs.delete(name)
      nonces.destroy()
    }
    return made
  }

  /** All of these pairs are this coordinator's, unused, and no two the same. */
  hold(coordinator: PublicKey, transcript: TranscriptHash, commitments: readonly NonceCommitment[]): boolean {
    const pool = this.#pools.get(coordinator)
    const names = new Set(commitments.map(pairName))
    return (
      pool?.transcript === transcript && names.size === commitments.length && [...names].every((n) => pool.pairs.has(n))
    )
  }

  /** Takes pairs that it holds, out of the pool for good: all of them, or undefined and none. */
  take(
    coordinator: PublicKey,
    transcript: TranscriptHash,
    commitments: readonly NonceCommitment[],
  ): SecretNonces[] | undefined {
    const pool = this.#pools.get(coordinator)
    if (pool === undefined || !this.hold(coordinator, transcript, commitments)) return undefined
    const taken: SecretNonces[] = []
    for (const commitment of commitments) {
      const nonces = pool.pairs.get(pairName(commitment))
      pool.pairs.delete(pairName(commitment))
      if (nonces !== undefined) taken.push(nonces)
    }
    return taken
  }

  /** Destroys everything: the share may not be used any more (R9). */
  clear(): void {
    for (const coordinator of [...this.#pools.keys()]) this.#drop(coordinator)
  }

  #poolOf(coordinator: PublicKey, boot: number, transcript: TranscriptHash): Pool {
    const known = this.#pools.get(coordinator)
    if (known?.transcript === transcript && known.boot === boot) return known
    this.#drop(coordinator)
    const made: Pool = { transcript, boot, pairs: new Map() }
    this.#pools.set(coordinator, made)
    return made
  }

  #drop(coordinator: PublicKey): void {
    for (const nonces of this.#pools.get(coordinator)?.pairs.values() ?? []) nonces.destroy()
    this.#pools.delete(coordinator)
  }
}
