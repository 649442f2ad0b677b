import { describe, expect, it } from 'vitest'
import type { PublicKey } from '../../../src/base/index.ts'
import { handoffBatches } from '../../../src/rotation/handoff-batches.ts'
import type { HandoffItem } from '../../../src/rounds/index.ts'

const item = (n: number, merkleRoot = 'none'): HandoffItem => ({ digest: n.toString(16).padStart(64, '0'), merkleRoot })
const items = Array.from({ length: 10 }, (_, n) => item(n))
const [a, b, c] = ['a', 'b', 'c'] as unknown as [PublicKey, PublicKey, PublicKey]
const everybody = () => [a, b, c]

describe('batches of a handoff', () => {
  it('should be one where all members list the same, whatever order it is listed in', () => {
    expect(handoffBatches(items, everybody, 64)).toEqual([items])
    expect(handoffBatches(items.toReversed(), everybody, 64)).toEqual([items])
  })

  it('should hold no more than fits into a message of the set', () => {
    expect(handoffBatches(items, everybody, 4).map((batch) => batch.length)).toEqual([4, 4, 2])
    expect(handoffBatches(items, everybody, 1).flat()).toEqual(items)
    expect(handoffBatches(items, everybody, 5).map((batch) => batch.length)).toEqual([5, 5])
  })

  it('R27: should be of those digests that the same members list', () => {
    const lists = (one: HandoffItem) => (items.indexOf(one) % 2 === 0 ? [a, b] : [b, c])
    const batches = handoffBatches(items, lists, 64)
    expect(batches).toHaveLength(2)
    for (const batch of batches) expect(new Set(batch.map((one) => lists(one).join())).size).toBe(1)
    expect(new Set(batches.flat())).toEqual(new Set(items))
  })

  it('should tell one digest under two roots apart', () => {
    const twice = [item(1, 'empty'), item(1)]
    expect(handoffBatches(twice, everybody, 64)).toEqual([twice])
  })

  it('R27: should stay as they are when some of them are signed', () => {
    const all = handoffBatches(items, everybody, 3)
    for (const gone of all) {
      const left = items.filter((one) => !gone.includes(one))
      expect(handoffBatches(left, everybody, 3)).toEqual(all.filter((batch) => batch !== gone))
    }
  })

  it('should be none of nothing', () => {
    expect(handoffBatches([], everybody, 64)).toEqual([])
  })
})
