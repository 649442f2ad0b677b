import { secp256k1 } from '@noble/curves/secp256k1.js'
import { toHex } from '../base/index.ts'
import type { Curve } from '../curve/index.ts'

/**
 * Arithmetic modulo the group order on public values: bigints, whose time tells what they hold. Secrets go through the
 * curve port's scalar functions instead, in bytes.
 */
const Fn = secp256k1.Point.Fn

export const add = (a: bigint, b: bigint): bigint => Fn.add(a, b)
export const sub = (a: bigint, b: bigint): bigint => Fn.sub(a, b)
export const mul = (a: bigint, b: bigint): bigint => Fn.mul(a, b)
export const neg = (a: bigint): bigint => Fn.neg(a)
/** 32 bytes. */
export const toScalarBytes = (n: bigint): Uint8Array => Fn.toBytes(n)

/** undefined for what is not 32 bytes below the order. Zero is a scalar. */
export function parsePublicScalar(bytes: Uint8Array): bigint | undefined {
  if (bytes.length !== Fn.BYTES) return undefined
  const n = Fn.fromBytes(bytes, true)
  return n < Fn.ORDER ? n : undefined
}
/** Any bytes, modulo the order. */
export const reduced = (bytes: Uint8Array): bigint => Fn.create(BigInt(`0x${toHex(bytes)}`))

/** Powers x⁰ … xᵏ⁻¹. */
export function powersOf(x: bigint, count: number): readonly bigint[] {
  const powers: bigint[] = []
  for (let power = Fn.ONE; powers.length < count; power = Fn.mul(power, x)) powers.push(power)
  return powers
}

/**
 * Lagrange coefficients at zero (RFC 9591 §4.2) of distinct non-zero identifiers, in their order:
 * λᵢ = Πⱼ xⱼ ⁄ (xᵢ · Π_{j≠i} (xⱼ − xᵢ)), with one inversion for all.
 */
export function lagrangeAtZero(identifiers: readonly bigint[]): readonly bigint[] {
  const product = identifiers.reduce((a, x) => Fn.mul(a, x), Fn.ONE)
  const denominators = identifiers.map((xi, i) =>
    identifiers.reduce((a, xj, j) => (i === j ? a : Fn.mul(a, Fn.sub(xj, xi))), xi),
  )
  return Fn.invertBatch(denominators).map((inverse) => Fn.mul(product, inverse))
}

/** Σ points, where undefined is the point at infinity, as the port's sums give it. */
export function sumOf(port: Curve, points: readonly (Uint8Array | undefined)[]): Uint8Array | undefined {
  const finite = points.filter((p) => p !== undefined)
  return finite.length === 0 ? undefined : port.sumPoints(finite)
}
