import { equalBytes } from '../../../base/index.ts'
import { type Curve, curve, GENERATOR } from '../../../curve/index.ts'
import { halves, NONCE_BYTES } from './nonce-agg.ts'
import { combined, negated } from './points.ts'
import type { SessionValues } from './session-values.ts'

/** Whose partial signature it is to be. */
export interface PartialSigner {
  /** 33 bytes. */
  readonly publicKey: Uint8Array
  /** 66 bytes. */
  readonly publicNonce: Uint8Array
  /** `weightOf` of the key. */
  readonly weight: Uint8Array
}

/**
 * PartialSigVerify of BIP327: s·G − e·w·P = ±(R₁ + b·R₂). All values are public. False also for what is no scalar or no
 * point: never throws.
 */
export function verifyPartial(
  partial: Uint8Array,
  { publicKey, publicNonce, weight }: PartialSigner,
  session: SessionValues,
  port: Curve = curve,
): boolean {
  if (publicNonce.length !== NONCE_BYTES) return false
  const [first, second] = halves(publicNonce)
  try {
    const nonce = combined(first, session.nonceFactor, second, port)
    const factor = port.negateScalar(port.mulScalars(session.challenge, weight))
    const signed = port.linearCombination([
      { scalar: partial, point: GENERATOR },
      { scalar: factor, point: publicKey },
    ])
    // Nonces at infinity are nobody's.
    if (nonce === undefined || signed === undefined) return false
    return equalBytes(signed, session.isOdd ? negated(nonce) : nonce)
  } catch (error) {
    if (error instanceof TypeError) return false
    throw error
  }
}
