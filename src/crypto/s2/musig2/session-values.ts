import { type Curve, curve, GENERATOR, taggedHash } from '../../../curve/index.ts'
import { orMusigError } from './errors.ts'
import { splitAggregateNonce } from './nonce-agg.ts'
import { combined, isOdd } from './points.ts'

/** GetSessionValues of BIP327: what all signers compute alike of one aggregate nonce and message. Public. */
export interface SessionValues {
  /** x-only form of R, the first half of the signature. */
  readonly nonceX: Uint8Array
  /** R has odd Y: everybody's nonces are negated. */
  readonly isOdd: boolean
  /** b: what second nonces are multiplied with. */
  readonly nonceFactor: Uint8Array
  /** e of BIP340. */
  readonly challenge: Uint8Array
}

/** Under the x-only key of 32 bytes, for a message of any length. Throws MusigError `AGG_NONCE_INVALID`. */
export function sessionValues(
  key: Uint8Array,
  aggNonce: Uint8Array,
  message: Uint8Array,
  port: Curve = curve,
): SessionValues {
  const [first, second] = splitAggregateNonce(aggNonce)
  const nonceFactor = port.reduce(taggedHash('MuSig/noncecoef', aggNonce, key, message))
  const R =
    orMusigError('AGG_NONCE_INVALID', 'an aggregate nonce is two points, or zeros for one at infinity', () =>
      combined(first, nonceFactor, second, port),
    ) ?? GENERATOR
  const nonceX = R.slice(1)
  const challenge = port.reduce(taggedHash('BIP0340/challenge', nonceX, key, message))
  return { nonceX, isOdd: isOdd(R), nonceFactor, challenge }
}
