import { equalBytes, zeroize } from '../../base/index.ts'
import type { Curve } from '../../curve/index.ts'
import type { NonceCommitment } from '../types.ts'

/** What a session says about one member's share: public scalars, 32 bytes each. */
export interface ShareFactors {
  /** ρ */
  readonly rho: Uint8Array
  /** R has odd Y: nonces are negated. */
  readonly isOdd: boolean
  /** ±λ·c, for the signing share as it is stored. */
  readonly key: Uint8Array
  /** λ·c times what the tweak adds to everyone's share. */
  readonly offset: Uint8Array
}

/**
 * z = ±(d + ρ·e) + (±λ·c)·s + offset, 32 bytes: all that a member computes with its secrets (RFC 9591 §5.2). Takes over the
 * nonces; they and everything on the way are zeroed. `signingShare` stays. Throws TypeError on nonces that are not those of
 * their commitment: a share made with others would look like a cheat.
 */
export function signatureShare(
  { hiding, binding }: { readonly hiding: Uint8Array; readonly binding: Uint8Array },
  commitment: NonceCommitment,
  signingShare: Uint8Array,
  factors: ShareFactors,
  port: Curve,
): Uint8Array {
  const secrets = [hiding, binding]
  const keep = (secret: Uint8Array): Uint8Array => {
    secrets.push(secret)
    return secret
  }
  try {
    const [D, E] = [port.publicKeyOf(hiding), port.publicKeyOf(binding)]
    if (!equalBytes(D, commitment.hiding) || !equalBytes(E, commitment.binding))
      throw new TypeError('nonces: not those of their commitment')
    const bound = keep(port.mulScalars(binding, factors.rho))
    const nonce = keep(port.addScalars(hiding, bound))
    const even = factors.isOdd ? keep(port.negateScalar(nonce)) : nonce
    const weighted = keep(port.mulScalars(signingShare, factors.key))
    const sum = keep(port.addScalars(even, weighted))
    return port.addScalars(sum, factors.offset)
  } finally {
    zeroize(...secrets)
  }
}
