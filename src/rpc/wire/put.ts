/** Sizes of protobuf fields, and their writers; each writer answers where to write on. */
export function varintSize(n: number): number {
  return n < 0x80 ? 1 : n < 0x4000 ? 2 : n < 0x20_0000 ? 3 : n < 0x1000_0000 ? 4 : 5
}
/** A field with its tag; 0 if it has its zero value, which isn't written. */
export const scalarSize = (n: number): number => (n === 0 ? 0 : 1 + varintSize(n))
export const bytesSize = (length: number): number => (length === 0 ? 0 : 1 + varintSize(length) + length)

export function putVarint(out: Uint8Array, at: number, n: number): number {
  let rest = n
  let to = at
  while (rest >= 0x80) {
    out[to++] = (rest & 0x7f) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  out[to++] = rest
  return to
}
export function putScalar(out: Uint8Array, at: number, tag: number, n: number): number {
  if (n === 0) return at
  out[at] = tag
  return putVarint(out, at + 1, n)
}
export function putBytes(out: Uint8Array, at: number, tag: number, bytes: Uint8Array): number {
  out[at] = tag
  const from = putVarint(out, at + 1, bytes.length)
  out.set(bytes, from)
  return from + bytes.length
}
