import { describe, expect, it } from 'vitest'
import { fromHex, toHex } from '../../../src/base/index.ts'
import { curve } from '../../../src/curve/index.ts'

const scalar = (n: bigint): Uint8Array => fromHex(n.toString(16).padStart(64, '0'))
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const times = (n: bigint): Uint8Array => curve.publicKeyOf(scalar(n))

describe('sums of points', () => {
  it('should add up, with and without factors', () => {
    expect(curve.sumPoints([times(2n), times(3n), times(2n)])).toEqual(times(7n))
    expect(curve.sumPoints([times(2n)])).toEqual(times(2n))
    const terms = [
      { scalar: scalar(5n), point: times(2n) },
      { scalar: scalar(0n), point: times(9n) },
      { scalar: scalar(ORDER - 1n), point: times(3n) },
    ]
    expect(curve.linearCombination(terms)).toEqual(times(7n))
  })
  it('should be undefined at infinity', () => {
    expect(curve.sumPoints([times(3n), curve.negatePoint(times(3n))])).toBeUndefined()
    expect(curve.linearCombination([{ scalar: scalar(0n), point: times(3n) }])).toBeUndefined()
    expect(curve.linearCombination([])).toBeUndefined()
  })
  it('should refuse no points, malformed ones, and scalars beyond the order', () => {
    expect(() => curve.sumPoints([])).toThrow(TypeError)
    expect(() => curve.sumPoints([times(1n), new Uint8Array(33)])).toThrow(TypeError)
    expect(() => curve.linearCombination([{ scalar: scalar(ORDER), point: times(1n) }])).toThrow(TypeError)
    expect(() => curve.linearCombination([{ scalar: scalar(1n), point: new Uint8Array(32) }])).toThrow(TypeError)
  })
})

describe('products of scalars', () => {
  it('should be those modulo the order', () => {
    expect(toHex(curve.mulScalars(scalar(6n), scalar(7n)))).toBe(toHex(scalar(42n)))
    expect(curve.mulScalars(scalar(ORDER - 1n), scalar(ORDER - 2n))).toEqual(scalar(2n))
    expect(curve.mulScalars(scalar(0n), scalar(7n))).toEqual(scalar(0n))
  })
  it('should refuse what is no scalar', () => {
    expect(() => curve.mulScalars(scalar(ORDER), scalar(1n))).toThrow(TypeError)
    expect(() => curve.mulScalars(scalar(1n), new Uint8Array(31))).toThrow(TypeError)
  })
})
