import { curve, ed25519, randomBytes, x25519 } from '../../curve/index.ts'
import { badRequest } from './label.ts'
import type { KeyScheme, KeyType } from './types.ts'

/** 32 bytes, for each type. */
export const SECRET_BYTES = 32

export function drawSecret(type: KeyType): Uint8Array {
  return type === 'secp256k1' ? curve.randomScalar() : randomBytes(SECRET_BYTES)
}

/** undefined if it is no secret of that type. */
export function publicKeyOfSecret(type: KeyType, secret: Uint8Array): Uint8Array | undefined {
  if (secret.length !== SECRET_BYTES) return undefined
  if (type === 'ed25519') return ed25519.publicKeyOf(secret)
  if (type === 'x25519') return x25519.publicKeyOf(secret)
  return curve.isSecret(secret) ? curve.publicKeyOf(secret) : undefined
}

export function signDigest(scheme: KeyScheme, digest: Uint8Array, secret: Uint8Array): Uint8Array {
  if (scheme === 'ed25519') return ed25519.sign(digest, secret)
  return scheme === 'schnorr' ? curve.schnorrSign(digest, secret) : curve.ecdsaSign(digest, secret)
}

/** `BAD_REQUEST` on a peer's key of small order or another length. */
export function shareWith(peerPublicKey: Uint8Array, secret: Uint8Array): Uint8Array {
  try {
    return x25519.sharedSecret(secret, peerPublicKey)
  } catch {
    throw badRequest('peer_public_key', 'an X25519 public key of 32 bytes that is not of small order')
  }
}
