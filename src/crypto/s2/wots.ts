import { equalBytes, zeroize } from '../../base/index.ts'
import { hash160, hkdfSha256 } from '../../curve/index.ts'
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

/** Chain starts: 720 bytes for 128 bits, 1360 for 256. `material`: 32 bytes. */
export const wotsSecretKey = (material: Uint8Array, bits: WotsBits, place: Place): Uint8Array =>
  hkdfSha256(material, encodePlace(place), ELEMENT * chainsOf(bits))

/** Chain ends, as long as the secret key. Throws TypeError on other lengths than those two. */
export function wotsPublicKey(secretKey: Uint8Array): Uint8Array {
  const chains = elementsOf(secretKey, ELEMENT)
  const publicKey = new Uint8Array(secretKey.length)
  for (const [i, start] of chains.entries()) publicKey.set(hashed(start, STEPS), i * ELEMENT)
  return publicKey
}

/** 756 bytes for a message of 16, 1428 for one of 32. Throws TypeError if the message is not as long as the key signs. */
export function wotsSign(secretKey: Uint8Array, message: Uint8Array): Uint8Array {
  const chains = elementsOf(secretKey, ELEMENT)
  const digits = digitsOf(message)
  if (digits.length !== chains.length)
    throw new TypeError('the message is not of the length that this one-time key signs')
  const signature = new Uint8Array(chains.length * SIGNED)
  for (const [i, start] of chains.entries()) {
    const digit = digits[i] ?? 0
    const element = hashed(start, 1 + digit)
    signature.set(element, i * SIGNED)
    signature[i * SIGNED + ELEMENT] = digit
    zeroize(element)
  }
  return signature
}

export function wotsVerify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (![128, 256].some((bits) => message.length * 8 === bits)) return false
  const digits = digitsOf(message)
  if (signature.length !== digits.length * SIGNED || publicKey.length !== digits.length * ELEMENT) return false
  return digits.every((digit, i) => {
    const signed = signature.subarray(i * SIGNED, (i + 1) * SIGNED)
    const end = hashed(signed.subarray(0, ELEMENT), MAX_DIGIT - digit)
    return signed[ELEMENT] === digit && equalBytes(end, publicKey.subarray(i * ELEMENT, (i + 1) * ELEMENT))
  })
}

/** Last byte first, high half first; then the checksum, that no digit may be raised without another one falling. */
function digitsOf(message: Uint8Array): readonly number[] {
  const digits = [...message].reverse().flatMap((byte) => [byte >> 4, byte & 15])
  const checksum = digits.reduce((sum, digit) => sum + MAX_DIGIT - digit, 0)
  const places = Array.from({ length: CHECKSUM_DIGITS }, (_, i) => 4 * (CHECKSUM_DIGITS - 1 - i))
  return [...digits, ...places.map((place) => (checksum >> place) & 15)]
}

function elementsOf(key: Uint8Array, size: number): readonly Uint8Array[] {
  const count = key.length / size
  if (count !== chainsOf(128) && count !== chainsOf(256)) throw new TypeError('a one-time key has 720 or 1360 bytes')
  return Array.from({ length: count }, (_, i) => key.subarray(i * size, (i + 1) * size))
}

function hashed(start: Uint8Array, times: number): Uint8Array {
  let at = start
  for (let i = 0; i < times; i++) at = hash160(at)
  return at
}
