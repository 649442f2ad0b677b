import { describe, expect, it } from 'vitest'
import { KeyCache } from '../../../../src/signer/s2/key-cache.ts'

const key = (of: number, bytes = 720) => new Uint8Array(bytes).fill(of)
/** Room for this many keys of 720 bytes. */
const roomFor = (keys: number) => {
  const one = new KeyCache(Number.POSITIVE_INFINITY)
  one.set('a', key(1))
  return keys * one.bytes
}

describe('remembered public keys', () => {
  it('should be found by name, and not by another one', () => {
    const cache = new KeyCache(roomFor(2))
    cache.set('a', key(1))
    expect([cache.get('a'), cache.get('b')]).toEqual([key(1), undefined])
    expect([cache.has('a'), cache.has('b')]).toEqual([true, false])
  })

  it('should be nobody’s to change', () => {
    const cache = new KeyCache(roomFor(2))
    const given = key(1)
    cache.set('a', given)
    given.fill(9)
    cache.get('a')?.fill(8)
    expect(cache.get('a')).toEqual(key(1))
  })

  it('should be forgotten in the order in which they were last asked for', () => {
    const cache = new KeyCache(roomFor(3))
    for (const [i, name] of ['a', 'b', 'c'].entries()) cache.set(name, key(i))
    cache.get('a')
    // Asked about, not for.
    cache.has('b')
    cache.set('d', key(3))
    expect(['a', 'b', 'c', 'd'].filter((name) => cache.has(name))).toEqual(['a', 'c', 'd'])
  })

  it('should take no more room than they have, however many are set, and however large', () => {
    const cache = new KeyCache(roomFor(10))
    for (let i = 0; i < 1_000; i++) {
      cache.set(String(i), key(i, i % 3 === 0 ? 1360 : 720))
      expect(cache.bytes).toBeLessThanOrEqual(roomFor(10))
    }
    cache.set('too large', key(1, roomFor(11)))
    expect([cache.bytes, cache.has('too large')]).toEqual([0, false])
  })

  it('should count once what is set twice', () => {
    const cache = new KeyCache(roomFor(2))
    for (let i = 0; i < 5; i++) cache.set('a', key(i))
    expect([cache.bytes, cache.get('a')]).toEqual([roomFor(1), key(4)])
  })

  it('should be gone when they are cleared', () => {
    const cache = new KeyCache(roomFor(2))
    cache.set('a', key(1))
    cache.clear()
    expect([cache.bytes, cache.has('a')]).toEqual([0, false])
  })
})
