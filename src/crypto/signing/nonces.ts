import { CodedError, zeroize } from '../../base/index.ts'
import type { NonceCommitment } from '../types.ts'

/**
 * The secret half of one nonce pair. It can be taken once and is zeroed by whoever took it: a second signature under the
 * same pair would reveal the signing share (R25). Never written, never backed up, never rendered.
 */
export class SecretNonces {
  /** The public half. */
  readonly commitment: NonceCommitment
  readonly #hiding: Uint8Array
  readonly #binding: Uint8Array
  #spent = false

  /** Owns both secret arrays (32 bytes each) from now on. */
  constructor(hiding: Uint8Array, binding: Uint8Array, commitment: NonceCommitment) {
    this.commitment = commitment
    this.#hiding = hiding
    this.#binding = binding
  }

  get spent(): boolean {
    return this.#spent
  }

  /** Hands the pair over; the taker zeroes it. Throws `NONCE_SPENT` the second time. */
  take(): { hiding: Uint8Array; binding: Uint8Array } {
    if (this.#spent)
      throw new CodedError('NONCE_SPENT', 'this nonce pair was used or destroyed; make a fresh one with commitNonces')
    this.#spent = true
    return { hiding: this.#hiding, binding: this.#binding }
  }

  /** Zeroes the pair unused. */
  destroy(): void {
    this.#spent = true
    zeroize(this.#hiding, this.#binding)
  }

  toJSON(): string {
    return this.#spent ? 'nonces (spent)' : 'nonces'
  }
}
