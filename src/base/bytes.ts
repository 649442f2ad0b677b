/** Byte helpers that need neither Node's Buffer nor a library. */

const DIGITS = '0123456789abcdef'
/** Bytes turned into one string at once: a function takes only so many arguments. */
const CHUNK_BYTES = 256

/** Lower-case hex of `bytes`. */
export function toHex(bytes: Uint8Array): string {
  let out = ''
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) out += chunkHex(bytes.subarray(at, at + CHUNK_BYTES))
  return out
}

/** In one piece: a string joined byte by byte stays a chain of 32 bytes for each of them, and names of nonces are kept for long. */
function chunkHex(bytes: Uint8Array): string {
  const codes = new Array<number>(2 * bytes.length)
  let at = 0
  for (const b of bytes) {
    codes[at++] = DIGITS.charCodeAt(b >> 4)
    codes[at++] = DIGITS.charCodeAt(b & 15)
  }
  return String.fromCharCode(...codes)
}

/** True when `text` is lower-case hex of exactly `byteLength` bytes (any length if left out). */
export function isHex(text: string, byteLength?: number): boolean {
  return (
    text.length % 2 === 0 && (byteLength === undefined || text.length === byteLength * 2) && /^[0-9a-f]*$/.test(text)
  )
}

/** Bytes of lower-case hex. Throws TypeError on anything else: a second spelling would be a second map key. */
export function fromHex(text: string): Uint8Array {
  if (!isHex(text)) throw new TypeError('expected lower-case hex')
  const out = new Uint8Array(text.length / 2)
  for (let i = 0; i < out.length; i++) out[i] = (digit(text.charCodeAt(2 * i)) << 4) | digit(text.charCodeAt(2 * i + 1))
  return out
}

/** Of a character that is known to be a digit. */
const digit = (code: number): number => (code <= NINE ? code - ZERO : code - SMALL_A + 10)
const [ZERO, NINE, SMALL_A] = [0x30, 0x39, 0x61]

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const p of parts) length += p.length
  const out = new Uint8Array(length)
  let at = 0
  for (const p of parts) {
    out.set(p, at)
    at += p.length
  }
  return out
}

/** Equality of public bytes; not for secrets, it returns at the first difference. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Order of byte strings, as `Array.prototype.sort` wants it. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const n = Math.min(a.length, b.length)
  for (let i = 0; i < n; i++) {
    const d = (a[i] as number) - (b[i] as number)
    if (d !== 0) return d
  }
  return a.length - b.length
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

export const utf8 = (text: string): Uint8Array => encoder.encode(text)
/** Strict: throws TypeError on malformed UTF-8. */
export const fromUtf8 = (bytes: Uint8Array): string => decoder.decode(bytes)

export function u32be(n: number): Uint8Array {
  return Uint8Array.of(n >>> 24, n >>> 16, n >>> 8, n)
}

export function u64be(n: number | bigint): Uint8Array {
  const out = new Uint8Array(8)
  // Lengths and indices of what is hashed, thousands a second: a view of so small an array costs more than the hash of it.
  if (typeof n === 'number' && n >= 0 && n <= 0xffff_ffff && Number.isInteger(n)) {
    out.set(u32be(n), 4)
    return out
  }
  new DataView(out.buffer).setBigUint64(0, BigInt(n))
  return out
}

/** One unambiguous encoding of a list of fields (u32 length before each), for everything that is hashed or signed. */
export function encodeFields(...fields: readonly (Uint8Array | string | number)[]): Uint8Array {
  const parts: Uint8Array[] = []
  for (const f of fields) {
    const bytes = typeof f === 'string' ? utf8(f) : typeof f === 'number' ? u64be(f) : f
    parts.push(u32be(bytes.length), bytes)
  }
  return concatBytes(...parts)
}

/** Overwrites secrets in place. JavaScript can't promise that no copy was made before. */
export function zeroize(...secrets: readonly Uint8Array[]): void {
  for (const s of secrets) s.fill(0)
}
