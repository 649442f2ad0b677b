import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ChainTip, createStacksClient } from '../../../src/registry/index.ts'
import { MAX_LATER_TENURES, standingOf } from '../../../src/registry/standing.ts'
import { block, FakeNode } from './support/fake-node.ts'

/** Stacks blocks 1 to 9, three on each of the Bitcoin blocks 101, 102 and 104; nobody mined in 103. */
const BURN = [101, 102, 104] as const
let node: FakeNode
beforeEach(async () => {
  node = await new FakeNode().start()
  for (let h = 1; h <= 9; h++) node.push(block(`${h}`, h, '0x03', BURN[Math.ceil(h / 3) - 1] ?? 0))
})
afterEach(() => node.stop())

const at = (name: string, stacksHeight: number, burnHeight: number, isMinedBy = true): ChainTip => {
  const { id } = block(name, stacksHeight, '0x03')
  return { indexBlockHash: id, stacksHeight, burnHeight, ...(isMinedBy ? { isMinedBy } : {}) }
}
const ask = (tip: ChainTip) => standingOf(createStacksClient(node.url), tip)
const OTHER = { kind: 'other' }
const UNKNOWN = { kind: 'unknown' }

describe('R4: where a block stands', () => {
  it.each([
    ['in the tenure that lists it', at('5', 5, 102), 102],
    ['right before a tenure that names it as parent', at('6', 6, 104), 102],
    ['below Bitcoin blocks that elected nobody', at('5', 5, 103), 102],
    ['below tenures that lie above it', at('2', 2, 104), 101],
  ])('R4: should be told %s', async (_what, tip, burnHeight) => {
    expect(await ask(tip)).toEqual({ kind: 'stands', burnHeight })
  })

  it.each([
    ['another block at its height', at('x', 5, 102)],
    ['another parent of the block above its height', at('x', 6, 104)],
    ['a later tenure that holds its height', at('x', 8, 102)],
    ['a later tenure that begins right above its height, on another block', at('x', 6, 103)],
    ['a later tenure that ends below its height', at('x', 11, 103)],
  ])('R4: should be held for replaced by %s', async (_what, tip) => {
    expect(await ask(tip)).toEqual(OTHER)
  })

  it.each([
    ['has nothing so high', at('x', 10, 104)],
    ['has nothing at that Bitcoin height or right above', at('x', 10, 200)],
    ['would only contradict a height that was claimed', at('x', 11, 103, false)],
  ])('R4: should not be known of an endpoint that %s', async (_what, tip) => {
    expect(await ask(tip)).toEqual(UNKNOWN)
  })

  it('R4: should not be known of an endpoint that only shows tenures far above', async () => {
    for (const h of [1, 2, 3]) node.blocks.delete(block(`${h}`, h, '0x03').id)
    expect(await ask(at('x', 2, 100))).toEqual(UNKNOWN)
  })

  it('R4: should be looked for within a bound', async () => {
    expect(await ask(at('x', 10, 5_000))).toEqual(UNKNOWN)
    expect(node.seen.length).toBe(25 + MAX_LATER_TENURES)
    node.seen.length = 0
    // Bitcoin has no block below its first.
    expect(await ask(at('x', 10, 2))).toEqual(UNKNOWN)
    expect(node.seen.length).toBe(2 + MAX_LATER_TENURES)
  })
})
