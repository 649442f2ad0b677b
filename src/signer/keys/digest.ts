import { compareBytes, concatBytes, LIMITS, utf8, zeroize } from '../../base/index.ts'
import { curve, ed25519, taggedHash, xOnly } from '../../curve/index.ts'
import { badRequest, checkDomain } from './label.ts'
import type { KeyMessage, KeyScheme } from './types.ts'

const SIGN_TAG = 'countersign/keys'
const AGREE_TAG = 'countersign/keys/agree'

/**
 * The 32 bytes that a key signs for a message: tagged hash over u16be(length of the domain) ‖ domain ‖ message. Nobody who asks for
 * messages alone gets a signature over 32 bytes of his own choice, and none made under one domain passes under another (docs/KEYS.md).
 */
export function digestOf(message: KeyMessage): Uint8Array {
  if (message.kind === 'raw') {
    if (message.digest.length !== 32) throw badRequest('digest', '32 bytes')
    return Uint8Array.from(message.digest)
  }
  checkDomain('domain', message.domain)
  if (message.message.length > LIMITS.maxKeyMessageBytes)
    throw badRequest('message', `at most ${LIMITS.maxKeyMessageBytes} bytes; sign its hash`)
  const domain = utf8(message.domain)
  return taggedHash(SIGN_TAG, Uint8Array.of(domain.length >> 8, domain.length & 255), domain, message.message)
}

/** Checks what `sign` answered; `digest` is that of `digestOf`. Never throws. */
export function verifyKeySignature(
  scheme: KeyScheme,
  signature: Uint8Array,
  digest: Uint8Array,
  publicKey: Uint8Array,
): boolean {
  if (scheme === 'ed25519') return ed25519.verify(signature, digest, publicKey)
  return scheme === 'ecdsa'
    ? curve.ecdsaVerify(signature, digest, publicKey)
    : curve.schnorrVerify(signature, digest, xOnly(publicKey))
}

/**
 * What both ends of an agreement get, whichever of them asks: tagged hash over what X25519 gave ‖ the lower public key ‖ the higher ‖
 * context. Erases what X25519 gave. Throws `BAD_REQUEST` if that is all zeros, which everybody knows (RFC 7748, 6.1).
 */
export function agreedKey(shared: Uint8Array, own: Uint8Array, peer: Uint8Array, context: string): Uint8Array {
  let seen = 0
  for (const byte of shared) seen |= byte
  if (seen === 0) throw badRequest('peer_public_key', 'an X25519 public key that is not of small order')
  const [low, high] = compareBytes(own, peer) <= 0 ? [own, peer] : [peer, own]
  const agreed = taggedHash(AGREE_TAG, shared, concatBytes(low, high), utf8(context))
  zeroize(shared)
  return agreed
}
