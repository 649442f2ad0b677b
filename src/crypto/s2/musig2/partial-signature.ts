import { zeroize } from '../../../base/index.ts'
import { type Curve, curve } from '../../../curve/index.ts'
import { checkNonces, type SecretNoncePair } from './nonce-gen.ts'
import type { SessionValues } from './session-values.ts'

/**
 * s = ±(k₁ + b·k₂) + e·w·d, 32 bytes: all that a signer computes with its secrets (Sign of BIP327). `weight` is `weightOf` of the
 * signer's key. Takes over the nonces; they and everything on the way are zeroed, also when it throws. The signature is not verified.
 * Throws MusigError `NONCE_OUT_OF_RANGE`.
 */
export function partialSignature(
  nonces: SecretNoncePair,
  secretKey: Uint8Array,
  weight: Uint8Array,
  session: SessionValues,
  port: Curve = curve,
): Uint8Array {
  const secrets = [nonces.first, nonces.second]
  const keep = (secret: Uint8Array): Uint8Array => {
    secrets.push(secret)
    return secret
  }
  try {
    checkNonces(nonces, port)
    const factor = port.mulScalars(session.challenge, weight)
    const bound = keep(port.mulScalars(nonces.second, session.nonceFactor))
    const nonce = keep(port.addScalars(nonces.first, bound))
    const even = session.isOdd ? keep(port.negateScalar(nonce)) : nonce
    const weighted = keep(port.mulScalars(secretKey, factor))
    return port.addScalars(even, weighted)
  } finally {
    zeroize(...secrets)
  }
}
