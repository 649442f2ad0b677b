import { concatBytes, equalBytes } from '../base/index.ts'
import { sha256 } from '../curve/index.ts'

/** Crockford's base 32, as c32check uses it: no I, L, O, U. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const HASH_BYTES = 20
const CHECKSUM_BYTES = 4

const checksum = (version: number, hash: Uint8Array): Uint8Array =>
  sha256(sha256(concatBytes(Uint8Array.of(version), hash))).subarray(0, CHECKSUM_BYTES)

/** c32check address of a hash160 (20 bytes) under a version byte below 32. */
export function encodeAddress(version: number, hash: Uint8Array): string {
  if (hash.length !== HASH_BYTES) throw new TypeError('address: expected a 20-byte hash')
  const versionDigit = ALPHABET[version]
  if (versionDigit === undefined) throw new TypeError('address: the version must be below 32')
  return `S${versionDigit}${encodeC32(concatBytes(hash, checksum(version, hash)))}`
}

/** Version byte and hash160 of an address. Throws TypeError on anything that `encodeAddress` would not have written. */
export function decodeAddress(address: string): { readonly version: number; readonly hash: Uint8Array } {
  const version = ALPHABET.indexOf(address.charAt(1))
  // 24 bytes are at most 39 digits.
  const plausible = address.startsWith('S') && address.length >= 2 && address.length <= 41 && version >= 0
  const bytes = plausible ? decodeC32(address.slice(2)) : undefined
  if (bytes?.length !== HASH_BYTES + CHECKSUM_BYTES) throw new TypeError('address: not a Stacks address')
  const hash = bytes.slice(0, HASH_BYTES)
  if (!equalBytes(bytes.subarray(HASH_BYTES), checksum(version, hash)) || encodeAddress(version, hash) !== address)
    throw new TypeError('address: wrong checksum, it was mistyped')
  return { version, hash }
}

/** One '0' for each leading zero byte, then the number without leading zeros: c32check's rule. */
function encodeC32(bytes: Uint8Array): string {
  let value = 0n
  for (const b of bytes) value = (value << 8n) | BigInt(b)
  let digits = ''
  for (; value > 0n; value >>= 5n) digits = ALPHABET.charAt(Number(value & 31n)) + digits
  const zeros = bytes.findIndex((b) => b !== 0)
  return '0'.repeat(zeros < 0 ? bytes.length : zeros) + digits
}

function decodeC32(text: string): Uint8Array | undefined {
  let value = 0n
  for (const c of text) {
    const digit = ALPHABET.indexOf(c)
    if (digit < 0) return undefined
    value = (value << 5n) | BigInt(digit)
  }
  const bytes: number[] = []
  for (; value > 0n; value >>= 8n) bytes.unshift(Number(value & 255n))
  const zeros = /^0*/.exec(text)?.[0].length ?? 0
  return Uint8Array.from([...Array.from({ length: zeros }, () => 0), ...bytes])
}
