import { zeroize } from '../../base/index.ts'
import { curve, hardenedKey } from '../../curve/index.ts'

/** All of them hang below this, every step hardened. */
const BASE = [20_000, 20] as const

/** What a seed is opened into. Secrets of 32 bytes; those that sign by BIP340 have an even public key. */
export interface S2Keys {
  readonly musig2: Uint8Array
  /** The wallet that pays for things. */
  readonly general: Uint8Array
  /** The wallet of the stake chain, later called the reserved one. */
  readonly stakechain: Uint8Array
  readonly p2p: Uint8Array
  /** The seed of an Ed25519 key (RFC 8032). */
  readonly p2pEd25519: Uint8Array
  /** What nonces, one-time keys and preimages are derived from, by HKDF. */
  readonly nonceMaterial: Uint8Array
  readonly wots128Material: Uint8Array
  readonly wots256Material: Uint8Array
  readonly preimageMaterial: Uint8Array
}

/** The keys that the secret-service interfaces use, from a seed of 32 bytes. Throws TypeError on seeds of other lengths. */
export function openS2Keys(seed: Uint8Array): S2Keys {
  if (seed.length !== 32) throw new TypeError('a secret-service seed has 32 bytes')
  const at = (...path: readonly number[]) => hardenedKey(seed, [...BASE, ...path])
  return {
    musig2: evenSecret(at(20, 101)),
    general: evenSecret(at(20, 102)),
    stakechain: evenSecret(at(20, 103)),
    p2p: evenSecret(at(20, 100)),
    p2pEd25519: at(100),
    nonceMaterial: at(666, 0),
    wots128Material: at(79, 128, 0),
    wots256Material: at(79, 256, 0),
    preimageMaterial: at(80, 0),
  }
}

export const closeS2Keys = (keys: S2Keys): void => zeroize(...Object.values(keys))

/** The one of `secret` and its negation whose public key BIP340 names; what is not returned is zeroed. */
export function evenSecret(secret: Uint8Array): Uint8Array {
  if (curve.publicKeyOf(secret)[0] === 2) return secret
  const even = curve.negateScalar(secret)
  zeroize(secret)
  return even
}
