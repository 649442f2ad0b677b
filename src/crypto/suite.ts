import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8, zeroize } from '../base/index.ts'
import { type Curve, sha256 } from '../curve/index.ts'

/** Hashes of FROST(secp256k1, SHA-256) (RFC 9591 §6.5) under the context string of `frost-secp256k1-tr`. */
const CONTEXT = 'FROST-secp256k1-SHA256-TR-v1'
const RHO = utf8(`${CONTEXT}rho`)
const NONCE = utf8(`${CONTEXT}nonce`)
const DKG = utf8(`${CONTEXT}dkg`)
const MSG = utf8(`${CONTEXT}msg`)
const COM = utf8(`${CONTEXT}com`)

/** 2¹⁹², 32 bytes. */
const SHIFT = Uint8Array.from({ length: 32 }, (_, i) => (i === 7 ? 1 : 0))
/** Enough that a scalar out of them is uniform but for 2⁻¹²⁸ (RFC 9380 §5.1). */
export const WIDE_BYTES = 48

/** H1: the binding factor. */
export const bindingHash = (message: Uint8Array, port: Curve): Uint8Array => hashToScalar(message, RHO, port)
/** H3: a nonce. Its input is secret; the caller zeroes it. */
export const nonceHash = (secret: Uint8Array, port: Curve): Uint8Array => hashToScalar(secret, NONCE, port)
/** HDKG: the challenge of a proof of knowledge. */
export const knowledgeHash = (message: Uint8Array, port: Curve): Uint8Array => hashToScalar(message, DKG, port)
/** H4 */
export const messageHash = (message: Uint8Array): Uint8Array => sha256(concatBytes(MSG, message))
/** H5 */
export const commitmentsHash = (list: Uint8Array): Uint8Array => sha256(concatBytes(COM, list))

function hashToScalar(message: Uint8Array, tag: Uint8Array, port: Curve): Uint8Array {
  const wide = expandMessage(message, tag)
  const scalar = reduceWide(wide, port)
  zeroize(wide)
  return scalar
}

/** SHA-256 that has taken the block of zeros with which every expansion begins. */
const STARTED = nobleSha256.create().update(new Uint8Array(64))
/** The length wanted, two bytes, and the number of the first block. */
const WIDE_LENGTH = Uint8Array.of(0, WIDE_BYTES, 0)
const [FIRST, SECOND] = [Uint8Array.of(1), Uint8Array.of(2)]

/** `expand_message_xmd` of RFC 9380 §5.3.1 for `WIDE_BYTES`, which are two blocks. A tag has at most 255 bytes. */
function expandMessage(message: Uint8Array, tag: Uint8Array): Uint8Array {
  const tagLength = Uint8Array.of(tag.length)
  const head = STARTED.clone().update(message).update(WIDE_LENGTH).update(tag).update(tagLength).digest()
  const one = nobleSha256.create().update(head).update(FIRST).update(tag).update(tagLength).digest()
  const mixed = head.map((byte, i) => byte ^ (one[i] ?? 0))
  const two = nobleSha256.create().update(mixed).update(SECOND).update(tag).update(tagLength).digest()
  const wide = new Uint8Array(WIDE_BYTES)
  wide.set(one)
  wide.set(two.subarray(0, WIDE_BYTES - one.length), one.length)
  zeroize(head, one, mixed, two)
  return wide
}

/** 48 big-endian bytes modulo the order, 32 bytes: their halves are scalars as they stand, so no secret meets a bigint. */
export function reduceWide(wide: Uint8Array, port: Curve): Uint8Array {
  const [high, low] = [new Uint8Array(32), new Uint8Array(32)]
  high.set(wide.subarray(0, 24), 8)
  low.set(wide.subarray(24), 8)
  const shifted = port.mulScalars(high, SHIFT)
  const scalar = port.addScalars(shifted, low)
  zeroize(high, low, shifted)
  return scalar
}
