import { concatBytes, equalBytes, zeroize } from '../base/index.ts'
import { GENERATOR } from './generator.ts'
import { taggedHash } from './hashes.ts'
import { randomBytes } from './random.ts'
import type { Curve } from './types.ts'

/** What BIP340 is made of. */
export interface Bip340Parts
  extends Pick<Curve, 'publicKeyOf' | 'addScalars' | 'mulScalars' | 'negateScalar' | 'linearCombination'> {
  /** 32 bytes, taken modulo the group order. */
  reduce(bytes: Uint8Array): Uint8Array
}

const AUX_BYTES = 32
const isEven = (point: Uint8Array): boolean => point[0] === 2
const challenge = (c: Bip340Parts, r: Uint8Array, key: Uint8Array, message: Uint8Array): Uint8Array =>
  c.reduce(taggedHash('BIP0340/challenge', r, key, message))

/**
 * BIP340 "Default Signing". The parities that it branches on are those of public points. Throws TypeError on a secret or
 * `auxRand` that is none.
 */
export function bip340Sign(
  c: Bip340Parts,
  message: Uint8Array,
  secret: Uint8Array,
  auxRand: Uint8Array = randomBytes(AUX_BYTES),
): Uint8Array {
  if (auxRand.length !== AUX_BYTES) throw new TypeError('auxiliary randomness: expected 32 bytes')
  const P = c.publicKeyOf(secret)
  const key = P.subarray(1)
  const d = isEven(P) ? Uint8Array.from(secret) : c.negateScalar(secret)
  const aux = taggedHash('BIP0340/aux', auxRand)
  const masked = d.map((byte, i) => byte ^ (aux[i] ?? 0))
  const rand = taggedHash('BIP0340/nonce', masked, key, message)
  const nonce = c.reduce(rand)
  // Throws on a nonce of zero, which BIP340 wants to fail: 2^-256.
  const R = c.publicKeyOf(nonce)
  const k = isEven(R) ? Uint8Array.from(nonce) : c.negateScalar(nonce)
  const e = challenge(c, R.subarray(1), key, message)
  const product = c.mulScalars(e, d)
  const signature = concatBytes(R.subarray(1), c.addScalars(k, product))
  zeroize(d, aux, masked, rand, nonce, k, product)
  // BIP340 asks for it: a computation gone wrong can give the key away.
  if (!bip340Verify(c, signature, message, key)) throw new Error('BIP340: the signature just made is not valid')
  return signature
}

/** BIP340 "Verification". All values are public. Never throws: what is no scalar or point is so in the sum. */
export function bip340Verify(
  c: Bip340Parts,
  signature: Uint8Array,
  message: Uint8Array,
  xOnlyKey: Uint8Array,
): boolean {
  const [r, s] = [signature.subarray(0, 32), signature.subarray(32)]
  try {
    const R = c.linearCombination([
      { scalar: s, point: GENERATOR },
      { scalar: c.negateScalar(challenge(c, r, xOnlyKey, message)), point: concatBytes(Uint8Array.of(2), xOnlyKey) },
    ])
    // An r beyond the field equals no x coordinate.
    return R !== undefined && isEven(R) && equalBytes(R.subarray(1), r)
  } catch {
    return false
  }
}
