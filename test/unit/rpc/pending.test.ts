import { describe, expect, it } from 'vitest'
import { Pending } from '../../../src/rpc/client/pending.ts'

const some = (count: number) => Array.from({ length: count }, () => ({ id: 0 }))

describe('requests on their way', () => {
  it('should have ids that count up from 1, and be found by them alone', () => {
    const pending = new Pending<{ id: number }>()
    const [a, b] = [{ id: 0 }, { id: 0 }]
    pending.add(a)
    pending.add(b)
    expect([a.id, b.id, pending.size]).toEqual([1, 2, 2])
    expect([pending.get(1), pending.get(2)]).toEqual([a, b])
    // Same places, and ids that nobody has.
    for (const id of [0, 3, 65, 66, 2 ** 31, 2 ** 32 - 63, 0.5, Number.NaN]) expect(pending.get(id)).toBeUndefined()
  })

  it('should never give one id to two, nor an id whose place is taken by an old one', () => {
    const pending = new Pending<{ id: number }>()
    const slow = { id: 0 }
    pending.add(slow)
    const seen = new Set<number>()
    for (const item of some(1_000)) {
      pending.add(item)
      expect(seen.has(item.id)).toBe(false)
      seen.add(item.id)
      expect(pending.get(slow.id)).toBe(slow)
      pending.delete(item)
      expect(pending.get(item.id)).toBeUndefined()
    }
    expect(pending.all()).toEqual([slow])
  })

  it('should hold many more than it began with', () => {
    const pending = new Pending<{ id: number }>()
    const items = some(1_000)
    for (const item of items) pending.add(item)
    expect(pending.size).toBe(1_000)
    for (const item of items) expect(pending.get(item.id)).toBe(item)
    expect(pending.all()).toHaveLength(1_000)
  })

  it('should go on at 1 after the last id, past those that are taken', () => {
    const pending = new Pending<{ id: number }>(0xffff_fffe)
    const items = some(3)
    for (const item of items) pending.add(item)
    expect(items.map((i) => i.id)).toEqual([0xffff_ffff, 1, 2])
  })

  it('should not mind what is taken out twice, or was never in', () => {
    const pending = new Pending<{ id: number }>()
    const [item] = some(1)
    if (item === undefined) throw new Error('one item')
    pending.delete({ id: 0 })
    pending.add(item)
    pending.delete({ id: item.id })
    expect(pending.size).toBe(1)
    pending.delete(item)
    pending.delete(item)
    expect(pending.size).toBe(0)
  })
})
