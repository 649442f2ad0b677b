/** Byte helpers that need neither Node's Buffer nor a library. */

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))

/** Lower-case hex of `bytes`. */
export function toHex(bytes: Uint8Array): string {
  let out = ''
  for (const b of bytes) out += HEX[b]
  return out
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
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16)
  return out
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0))
  let at = 0
  for (const p of parts) {
    out.set(p, at)
    at += p.length
  }
  return out
}

/** Equality of public bytes; not for secrets, it returns at the first difference. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((v, i) => v === b[i])
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
  const out = new Uint8Array(4)
  new DataView(out.buffer).setUint32(0, n)
  return out
}

export function u64be(n: number | bigint): Uint8Array {
  const out = new Uint8Array(8)
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
