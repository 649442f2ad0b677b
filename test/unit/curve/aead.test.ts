import { describe, expect, it } from 'vitest'
import { utf8 } from '../../../src/base/index.ts'
import { openOnce, sealOnce } from '../../../src/curve/index.ts'

const key = new Uint8Array(32).fill(7)
const text = utf8('a share')
const about = utf8('dealer and receiver')
const box = sealOnce(key, text, about)
const flipped = (bytes: Uint8Array, at: number) => bytes.map((b, i) => (i === at ? b ^ 1 : b))

describe('sealing one message', () => {
  it('should open what was sealed, sixteen bytes longer and not the text', () => {
    expect(openOnce(key, box, about)).toEqual(text)
    expect(box).toHaveLength(text.length + 16)
    expect(box.subarray(0, text.length)).not.toEqual(text)
  })

  it('should seal nothing at all, and still tie it to the associated data', () => {
    const empty = sealOnce(key, new Uint8Array(0), about)
    expect(openOnce(key, empty, about)).toEqual(new Uint8Array(0))
    expect(openOnce(key, empty, text)).toBeUndefined()
  })

  for (let at = 0; at < box.length; at++)
    it(`should not open with a bit of byte ${at} flipped`, () => {
      expect(openOnce(key, flipped(box, at), about)).toBeUndefined()
    })

  for (const [defect, open] of Object.entries({
    'under another key': () => openOnce(flipped(key, 0), box, about),
    'about something else': () => openOnce(key, box, utf8('dealer and another')),
    'about nothing': () => openOnce(key, box, new Uint8Array(0)),
    'cut short': () => openOnce(key, box.subarray(0, -1), about),
    'without its tag': () => openOnce(key, box.subarray(0, text.length), about),
    'with a byte added': () => openOnce(key, Uint8Array.of(...box, 0), about),
    empty: () => openOnce(key, new Uint8Array(0), about),
    'under a key of 31 bytes': () => openOnce(key.subarray(1), box, about),
  }))
    it(`should be undefined, never throw, ${defect}`, () => {
      expect(open()).toBeUndefined()
    })

  it('should refuse to seal under a key of 31 bytes', () => {
    expect(() => sealOnce(key.subarray(1), text, about)).toThrow()
  })
})
