import { describe, expect, it } from 'vitest'
import {
  asSetHash,
  compareBytes,
  encodeFields,
  equalBytes,
  fromHex,
  fromUtf8,
  isHex,
  toHex,
  u64be,
  utf8,
  zeroize,
} from '../../../src/base/index.ts'

describe('hex', () => {
  it('should give every byte back', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    expect(fromHex(toHex(bytes))).toEqual(bytes)
    expect(toHex(Uint8Array.of(0, 10, 255))).toBe('000aff')
  })

  it('should be as Node writes it, of any length', () => {
    for (const length of [0, 1, 255, 256, 257, 1_000]) {
      const bytes = Uint8Array.from({ length }, (_, i) => i * 7)
      expect(toHex(bytes)).toBe(Buffer.from(bytes).toString('hex'))
      expect(fromHex(toHex(bytes))).toEqual(bytes)
    }
  })

  it.each([
    ['upper case', 'AB'],
    ['an odd length', 'abc'],
    ['a prefix', '0xab'],
    ['a space', 'a b '],
    ['a line end', 'aba\n'],
    ['another letter', 'ag'],
    ['a digit of another script', '٣٣'],
  ])('should refuse %s: a second spelling would be a second key', (_what, text) => {
    expect(() => fromHex(text)).toThrow(TypeError)
    expect(isHex(text)).toBe(false)
  })

  it('should be of the length that was asked for', () => {
    expect([isHex('ab', 1), isHex('abab', 1), isHex('', 1)]).toEqual([true, false, false])
  })

  it('should name a set by 64 digits only', () => {
    expect(asSetHash('ab'.repeat(32))).toHaveLength(64)
    for (const bad of ['ab'.repeat(31), 'ab'.repeat(33), 'AB'.repeat(32)])
      expect(() => asSetHash(bad)).toThrow(TypeError)
  })
})

type Fields = readonly (Uint8Array | string | number)[]

describe('encodeFields', () => {
  const hex = (...fields: Fields) => toHex(encodeFields(...fields))

  it('should write the length before each field, and numbers as u64', () => {
    expect(hex('ab', 1, Uint8Array.of(7))).toBe('000000026162000000080000000000000001' + '0000000107')
  })

  it.each<[string, Fields, Fields]>([
    ['where one field ends', ['ab', 'c'], ['a', 'bc']],
    ['how many fields there are', ['abc'], ['ab', 'c']],
    ['an empty field', ['a', ''], ['a']],
    ['the order', ['a', 'b'], ['b', 'a']],
    ['a field that looks like two', [encodeFields('a', 'b')], ['a', 'b']],
    ['a number beside its digits', [1], ['1']],
  ])('should tell apart %s', (_what, a, b) => {
    expect(hex(...a)).not.toBe(hex(...b))
  })

  it('should refuse a number that is no integer', () => {
    expect(() => encodeFields(1.5)).toThrow(RangeError)
  })

  it('should write numbers beyond 32 bits whole', () => {
    expect(toHex(u64be(2 ** 40))).toBe('0000010000000000')
  })
})

describe('comparison', () => {
  it('should order by bytes, and a prefix first', () => {
    const sorted = [[2], [1, 0], [1], [255], []].map((b) => Uint8Array.from(b)).sort(compareBytes)
    expect(sorted.map(toHex)).toEqual(['', '01', '0100', '02', 'ff'])
  })

  it('should not call a prefix equal', () => {
    expect(equalBytes(Uint8Array.of(1), Uint8Array.of(1, 2))).toBe(false)
    expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1))).toBe(false)
    expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true)
  })
})

describe('text and secrets', () => {
  it('should refuse malformed UTF-8', () => {
    expect(() => fromUtf8(Uint8Array.of(0xc3, 0x28))).toThrow(TypeError)
    expect(fromUtf8(utf8('ä'))).toBe('ä')
  })

  it('should overwrite every secret it is given', () => {
    const [a, b] = [Uint8Array.of(1, 2), Uint8Array.of(3)]
    zeroize(a, b)
    expect([...a, ...b]).toEqual([0, 0, 0])
  })
})
