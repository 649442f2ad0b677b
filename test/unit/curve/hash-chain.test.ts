import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { toHex } from '../../../src/base/index.ts'
import { hash160, hash160Chain, randomBytes } from '../../../src/curve/index.ts'

/** OpenSSL's. */
function bySystem(start: Uint8Array, times: number): string {
  let at = start
  for (let i = 0; i < times; i++) at = createHash('ripemd160').update(createHash('sha256').update(at).digest()).digest()
  return toHex(at)
}
const chain = (start: Uint8Array, times: number): string => {
  const end = new Uint8Array(20)
  hash160Chain(start, times, end)
  return toHex(end)
}

describe('a chain of HASH160', () => {
  it.each([0, 1, 2, 15, 16, 100])('should be the same as %i hashes one by one, of anything', (times) => {
    for (let i = 0; i < 50; i++) {
      const start = randomBytes(20)
      const before = toHex(start)
      expect(chain(start, times)).toBe(bySystem(start, times))
      expect(toHex(start)).toBe(before)
    }
  })

  it('should be what hash160 makes, and leave it alone', () => {
    const start = randomBytes(20)
    const one = chain(start, 1)
    expect(one).toBe(toHex(hash160(start)))
    expect(chain(start, 1)).toBe(one)
    expect(toHex(hash160(start))).toBe(one)
  })

  it('should take place within larger bytes, over its own start, and beside nothing', () => {
    const bytes = randomBytes(60)
    const [before, , after] = [0, 20, 40].map((at) => toHex(bytes.subarray(at, at + 20)))
    const expected = bySystem(bytes.slice(20, 40), 3)
    hash160Chain(bytes.subarray(20, 40), 3, bytes.subarray(20, 40))
    expect([0, 20, 40].map((at) => toHex(bytes.subarray(at, at + 20)))).toEqual([before, expected, after])
  })

  it('should read memory that threads share', () => {
    const start = new Uint8Array(new SharedArrayBuffer(20)).fill(7)
    expect(chain(start, 2)).toBe(bySystem(new Uint8Array(20).fill(7), 2))
  })

  it.each([
    ['a start of 19 bytes', 19, 1, 20],
    ['a start of 21', 21, 1, 20],
    ['room for 19', 20, 1, 19],
    ['room for 32', 20, 1, 32],
    ['less than no steps', 20, -1, 20],
    ['half a step', 20, 0.5, 20],
    ['no number of steps', 20, Number.NaN, 20],
  ])('should not be made with %s', (_what, startBytes, times, intoBytes) => {
    expect(() => hash160Chain(new Uint8Array(startBytes), times, new Uint8Array(intoBytes))).toThrow(TypeError)
  })
})
