import { createHash, hkdfSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { fromHex, toHex, utf8 } from '../../../src/base/index.ts'
import { HkdfKey, hkdfSha256, sha256, taggedHash } from '../../../src/curve/index.ts'

const bytes = (length: number, seed: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + seed) & 255)

describe('an HKDF key that is asked often', () => {
  it.each([0, 1, 32, 54, 55, 56, 64, 119, 120, 200])('should give what HKDF gives for %i bytes of info', (length) => {
    const key = new HkdfKey(bytes(32, 1))
    const info = bytes(length, 2)
    const expected = toHex(new Uint8Array(hkdfSync('sha256', bytes(32, 1), new Uint8Array(0), info, 32)))
    expect(toHex(key.derive32(info))).toBe(expected)
    expect(toHex(key.derive32(info.subarray(0, length >> 1), info.subarray(length >> 1)))).toBe(expected)
    expect(toHex(hkdfSha256(bytes(32, 1), info, 32))).toBe(expected)
  })
  it('should be RFC 5869, test case 3', () => {
    const okm = '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d'
    expect(toHex(new HkdfKey(fromHex('0b'.repeat(22))).derive32())).toBe(okm)
  })
  it('should need its key no longer', () => {
    const ikm = bytes(32, 1)
    const key = new HkdfKey(ikm)
    const before = key.derive32(bytes(3, 0))
    ikm.fill(0)
    expect(key.derive32(bytes(3, 0))).toEqual(before)
  })
  it('should derive nothing once destroyed', () => {
    const key = new HkdfKey(bytes(32, 1))
    key.destroy()
    expect(() => key.derive32(bytes(3, 0))).toThrow(TypeError)
    expect(() => key.destroy()).not.toThrow()
  })
})

describe('a tagged hash', () => {
  const long = (tag: string, message: Uint8Array) => {
    const t = sha256(utf8(tag))
    return toHex(createHash('sha256').update(t).update(t).update(message).digest())
  }
  it.each([0, 1, 32, 55, 56, 63, 64, 65, 119, 128, 300])('should be that of BIP340 over %i bytes', (length) => {
    const message = bytes(length, 3)
    for (const tag of ['one tag', 'another tag', 'one tag'])
      expect(toHex(taggedHash(tag, message.subarray(0, 7), message.subarray(7)))).toBe(long(tag, message))
  })
  it('should be right after one that failed', () => {
    const before = toHex(taggedHash('one tag', bytes(40, 1)))
    expect(() => taggedHash('one tag', bytes(70, 1), 'text' as unknown as Uint8Array)).toThrow(TypeError)
    expect(toHex(taggedHash('one tag', bytes(40, 1)))).toBe(before)
  })
  it('should leave the one before as it was', () => {
    const first = taggedHash('one tag', bytes(40, 1))
    const kept = toHex(first)
    taggedHash('one tag', bytes(40, 2))
    expect(toHex(first)).toBe(kept)
  })
})
