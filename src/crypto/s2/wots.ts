import { equalBytes } from '../../base/index.ts'
import { hash160Chain, hkdfSha256 } from '../../curve/index.ts'
import { encodePlace, type Place } from './place.ts'

/**
 * Winternitz one-time signatures as Bitcoin scripts check them: digits of 4 bits, chains of HASH160, no addressing.
 * A key signs one message: two signatures let anybody make others.
 */

/** Bytes of a chain's element. */
const ELEMENT = 20
/** Times that a chain is hashed from secret to public. */
const STEPS = 16
const MAX_DIGIT = 15
const CHECKSUM_DIGITS = 4
/** In a signature each element is followed by its digit. */
const SIGNED = ELEMENT + 1

/** Bits of the messages that a key signs. */
export type WotsBits = 128 | 256
const chainsOf = (bits: WotsBits): number => bits / 4 + CHECKSUM_DIGITS

/** Bytes of what belongs to such a key, and the times that something is hashed for its public half. */
export const wotsSizes = (bits: WotsBits) => ({
  messageBytes: bits / 8,
  keyBytes: ELEMENT * chainsOf(bits),
  signatureBytes: SIGNED * chainsOf(bits),
  hashes: STEPS * chainsOf(bits),
})

/** Chain starts: 720 bytes for 128 bits, 1360 for 256. `material`: 32 bytes. */
export const wotsSecretKey = (material: Uint8Array, bits: WotsBits, place: Place): Uint8Array =>
  hkdfSha256(material, encodePlace(place), ELEMENT * chainsOf(bits))

/** Chain ends, as long as the secret key. Throws TypeError on other lengths than those two. */
export function wotsPublicKey(secretKey: Uint8Array): Uint8Array {
  const chains = elementsOf(secretKey)
  const publicKey = new Uint8Array(secretKey.length)
  for (const [i, start] of chains.entries()) hash160Chain(start, STEPS, elementAt(publicKey, i * ELEMENT))
  return publicKey
}

/** 756 bytes for a message of 16, 1428 for one of 32. Throws TypeError if the message is not as long as the key signs. */
export function wotsSign(secretKey: Uint8Array, message: Uint8Array): Uint8Array {
  const chains = elementsOf(secretKey)
  const digits = digitsOf(message)
  if (digits.length !== chains.length)
    throw new TypeError('the message is not of the length that this one-time key signs')
  const signature = new Uint8Array(chains.length * SIGNED)
  for (const [i, start] of chains.entries()) {
    const digit = digits[i] ?? 0
    hash160Chain(start, 1 + digit, elementAt(signature, i * SIGNED))
    signature[i * SIGNED + ELEMENT] = digit
  }
  return signature
}

export function wotsVerify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (![128, 256].some((bits) => message.length * 8 === bits)) return false
  const digits = digitsOf(message)
  if (signature.length !== digits.length * SIGNED || publicKey.length !== digits.length * ELEMENT) return false
  const end = new Uint8Array(ELEMENT)
  return digits.every((digit, i) => {
    hash160Chain(elementAt(signature, i * SIGNED), MAX_DIGIT - digit, end)
    return signature[i * SIGNED + ELEMENT] === digit && equalBytes(end, elementAt(publicKey, i * ELEMENT))
  })
}

/** Last byte first, high half first; then the checksum, that no digit may be raised without another one falling. */
function digitsOf(message: Uint8Array): readonly number[] {
  const digits = [...message].reverse().flatMap((byte) => [byte >> 4, byte & 15])
  const checksum = digits.reduce((sum, digit) => sum + MAX_DIGIT - digit, 0)
  const places = Array.from({ length: CHECKSUM_DIGITS }, (_, i) => 4 * (CHECKSUM_DIGITS - 1 - i))
  return [...digits, ...places.map((place) => (checksum >> place) & 15)]
}

function elementsOf(key: Uint8Array): readonly Uint8Array[] {
  const count = key.length / ELEMENT
  if (count !== chainsOf(128) && count !== chainsOf(256)) throw new TypeError('a one-time key has 720 or 1360 bytes')
  return Array.from({ length: count }, (_, i) => elementAt(key, i * ELEMENT))
}

const elementAt = (bytes: Uint8Array, at: number): Uint8Array => bytes.subarray(at, at + ELEMENT)
