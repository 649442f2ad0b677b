import type { Curve } from '../../../curve/index.ts'

/** Bytes of a point, and of what BIP327 writes for the point at infinity (cbytes_ext). */
export const POINT_BYTES = 33
/** The point at infinity. */
export const INFINITY = new Uint8Array(POINT_BYTES)
export const isInfinity = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)

/** 1 as a scalar. */
export const ONE = Uint8Array.of(...new Uint8Array(31), 1)

export const isOdd = (point: Uint8Array): boolean => point[0] === 3

/** −P of a point that is known to be one: its other parity. */
export function negated(point: Uint8Array): Uint8Array {
  const other = Uint8Array.from(point)
  other[0] = isOdd(point) ? 2 : 3
  return other
}

/** A + b·B, public values; undefined for infinity, in and out. Throws TypeError on what are no points. */
export function combined(
  a: Uint8Array | undefined,
  b: Uint8Array,
  point: Uint8Array | undefined,
  port: Curve,
): Uint8Array | undefined {
  const first = a === undefined ? [] : [{ scalar: ONE, point: a }]
  const second = point === undefined ? [] : [{ scalar: b, point }]
  return port.linearCombination([...first, ...second])
}
