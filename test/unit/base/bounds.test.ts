import { describe, expect, it } from 'vitest'
import { BoundedMap, TokenBucket } from '../../../src/base/index.ts'

describe('TokenBucket', () => {
  it('should give its capacity at once and no more', () => {
    const bucket = new TokenBucket(3, 1, 0)
    expect([1, 2, 3, 4].map(() => bucket.take(0))).toEqual([true, true, true, false])
  })

  it('should refill at its rate', () => {
    const bucket = new TokenBucket(2, 2, 0)
    bucket.take(0, 2)
    expect(bucket.take(499)).toBe(false)
    expect(bucket.take(500)).toBe(true)
    expect(bucket.take(500)).toBe(false)
  })

  it('should never hold more than its capacity, however long it was left', () => {
    const bucket = new TokenBucket(2, 100, 0)
    expect(bucket.take(3_600_000, 3)).toBe(false)
    expect(bucket.take(3_600_000, 2)).toBe(true)
  })

  it('should take nothing when it refuses', () => {
    const bucket = new TokenBucket(2, 0, 0)
    expect(bucket.take(0, 3)).toBe(false)
    expect(bucket.take(0, 2)).toBe(true)
  })

  it('should give and take nothing for a clock that was set back, and go on from there', () => {
    const bucket = new TokenBucket(2, 1, 10_000)
    bucket.take(10_000)
    expect(bucket.take(0)).toBe(true)
    expect(bucket.take(0)).toBe(false)
    expect(bucket.take(1_000)).toBe(true)
  })
})

describe('BoundedMap', () => {
  it('should forget the oldest entry rather than grow, and tell', () => {
    const forgotten: [string, number][] = []
    const map = new BoundedMap<string, number>(2, (k, v) => forgotten.push([k, v]))
    for (const [i, key] of ['a', 'b', 'c'].entries()) map.set(key, i)
    expect(map.size).toBe(2)
    expect(map.get('a')).toBeUndefined()
    expect([map.get('b'), map.get('c')]).toEqual([1, 2])
    expect(forgotten).toEqual([['a', 0]])
  })

  it('should count a key that is set again as the youngest, and once', () => {
    const map = new BoundedMap<string, number>(2)
    map.set('a', 1)
    map.set('b', 2)
    map.set('a', 3)
    map.set('c', 4)
    expect([map.get('a'), map.get('b'), map.get('c')]).toEqual([3, undefined, 4])
  })

  it('should stay bounded when entries are made on demand', () => {
    const map = new BoundedMap<number, number>(3)
    for (let i = 0; i < 100; i++) map.getOrMake(i, () => i)
    expect(map.size).toBe(3)
  })

  it('should not make what it knows', () => {
    const map = new BoundedMap<string, object>(2)
    const made = map.getOrMake('a', () => ({}))
    expect(map.getOrMake('a', () => ({}))).toBe(made)
  })

  it('should not tell of what was deleted', () => {
    const forgotten: string[] = []
    const map = new BoundedMap<string, number>(1, (k) => forgotten.push(k))
    map.set('a', 1)
    map.delete('a')
    map.set('b', 2)
    expect(forgotten).toEqual([])
    expect(map.size).toBe(1)
  })

  it('should list what it holds, oldest first', () => {
    const map = new BoundedMap<string, number>(2)
    for (const [i, key] of ['a', 'b', 'c', 'b'].entries()) map.set(key, i)
    expect([...map]).toEqual([
      ['c', 2],
      ['b', 3],
    ])
  })
})
