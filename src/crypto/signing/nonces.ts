import { CodedError, concatBytes, zeroize } from '../../base/index.ts'
import { type Curve, curve, randomBytes } from '../../curve/index.ts'
import { nonceHash } from '../suite.ts'
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

/** Source of random bytes: replaces the entropy, never the policy. */
export type RNG = (lengthBytes?: number) => Uint8Array
const platformRng: RNG = (lengthBytes = 32) => randomBytes(lengthBytes)

/**
 * A fresh pair (RFC 9591 §5.1), each nonce hedged with the signing share: H3(32 random bytes ‖ share), so a weak generator
 * alone does not reveal it (R25).
 */
export function freshNonces(signingShare: Uint8Array, rng: RNG = platformRng, port: Curve = curve): SecretNonces {
  const hiding = hedged(signingShare, rng, port)
  const binding = hedged(signingShare, rng, port)
  const commitment = { hiding: port.publicKeyOf(hiding), binding: port.publicKeyOf(binding) }
  return new SecretNonces(hiding, binding, commitment)
}

function hedged(signingShare: Uint8Array, rng: RNG, port: Curve): Uint8Array {
  const input = concatBytes(rng(32), signingShare)
  try {
    return nonceHash(input, port)
  } finally {
    zeroize(input)
  }
}
