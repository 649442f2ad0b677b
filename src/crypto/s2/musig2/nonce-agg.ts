import { concatBytes } from '../../../base/index.ts'
import { type Curve, curve } from '../../../curve/index.ts'
import { MusigError, orMusigError } from './errors.ts'
import { INFINITY, isInfinity, POINT_BYTES } from './points.ts'

/** Bytes of a public nonce, and of an aggregate of them: two points. */
export const NONCE_BYTES = 2 * POINT_BYTES

/** Both halves of an aggregate nonce; undefined where one is the point at infinity. */
export type NonceHalves = readonly [Uint8Array | undefined, Uint8Array | undefined]

/** NonceAgg of BIP327, 66 bytes. Throws MusigError `PUB_NONCE_INVALID` with whose nonce it was. */
export function aggregateNonces(publicNonces: readonly Uint8Array[], port: Curve = curve): Uint8Array {
  for (const [signer, nonce] of publicNonces.entries())
    if (nonce.length !== NONCE_BYTES || !halves(nonce).every((half) => port.isPoint(half)))
      throw new MusigError('PUB_NONCE_INVALID', `public nonce ${signer} is not two points`, { signer })
  const sum = (at: 0 | 1): Uint8Array => port.sumPoints(publicNonces.map((nonce) => halves(nonce)[at])) ?? INFINITY
  return orMusigError('PUB_NONCE_INVALID', 'there are no public nonces to aggregate', () => concatBytes(sum(0), sum(1)))
}

/** Looks at the length alone: whether these are points shows when they are multiplied. */
export function splitAggregateNonce(aggNonce: Uint8Array): NonceHalves {
  if (aggNonce.length !== NONCE_BYTES)
    throw new MusigError('AGG_NONCE_INVALID', `an aggregate nonce has ${NONCE_BYTES} bytes`)
  const [first, second] = halves(aggNonce)
  return [isInfinity(first) ? undefined : first, isInfinity(second) ? undefined : second]
}

export const halves = (nonce: Uint8Array): readonly [Uint8Array, Uint8Array] => [
  nonce.subarray(0, POINT_BYTES),
  nonce.subarray(POINT_BYTES),
]
