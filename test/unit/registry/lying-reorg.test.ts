import { describe, expect, it } from 'vitest'
import { decodeSnapshot, encodeSnapshot } from '../../../src/registry/snapshot-codec.ts'
import { block, type FakeNode } from './support/fake-node.ts'
import { AGGREGATE_2, BLANK, goodTuple, publicKeys, REGISTRY, signerData } from './support/fixtures.ts'
import { watchedNodes } from './support/watched-nodes.ts'

/** Endpoints of which two must agree: one turned, and one honest one lags. */
const SET_1 = signerData(goodTuple(3))
const SET_2 = signerData(goodTuple(4, 2, AGGREGATE_2))
const OLD_KEYS = publicKeys(3)
const NEW_KEYS = publicKeys(4, 2)

const { three, watching } = watchedNodes({ quorum: 2 })
/** One Stacks block per Bitcoin block 100 + height; the second set from `rotatedAt` on. */
function chain(over: readonly FakeNode[], from: number, to: number, rotatedAt: number, name = '') {
  for (let h = from; h <= to; h++)
    for (const node of over) node.push(block(`${name}${h}`, h, h >= rotatedAt ? SET_2 : SET_1))
}
function forget(node: FakeNode, above: number) {
  for (const b of [...node.blocks.values()]) if (b.height > above) node.blocks.delete(b.id)
  node.tip = [...node.blocks.values()].at(-1)
}

describe('R4: a reorg that one liar plays beside an honest endpoint that lags', () => {
  it.each([
    ['90 Bitcoin blocks ago, at the newest Bitcoin height', 10, 100, 0, 200],
    ['3 Bitcoin blocks ago', 10, 13, 0, 113],
    ['3 Bitcoin blocks ago, at a height of its own', 10, 13, 0, 1],
    ['4 Bitcoin blocks ago, with a confirmation', 8, 12, 1, 112],
  ])('R4: should not bring back the set of %s', async (_what, lagsAt, newest, confirmations, burnHeight) => {
    const [fresh, lagging, liar] = await three()
    chain([fresh, lagging, liar], 1, lagsAt, lagsAt + 1)
    chain([fresh, liar], lagsAt + 1, newest, lagsAt + 1)
    const { watcher, read } = await watching([fresh, lagging, liar], { confirmations })
    const before = await read()
    expect(before).toMatchObject({ set: { keys: NEW_KEYS } })
    forget(liar, lagsAt)
    liar.claim = { burnHeight }
    await expect(read()).rejects.toMatchObject({ code: expect.stringMatching(/^(height_went_back|no_quorum)$/) })
    expect(watcher.latest()).toBe(before)
  })

  it('R4: should not undo what was just applied in the same Bitcoin block, again and again', async () => {
    const [fresh, lagging, liar] = await three()
    for (const n of [fresh, lagging, liar]) n.push(block('old', 9, SET_1, 200))
    const rotated = block('new', 10, SET_2, 200)
    for (const n of [fresh, liar]) n.push(rotated)
    const { watcher, read } = await watching([fresh, lagging, liar])
    await read()
    let changes = 0
    watcher.changes.on(() => void changes++)
    for (let i = 0; i < 3; i++) {
      liar.blocks.delete(rotated.id)
      await expect(read()).rejects.toMatchObject({ code: 'height_went_back' })
      liar.blocks.set(rotated.id, rotated)
      await read()
    }
    expect(changes).toBe(0)
  })

  it('R4: should not be prepared by one liar of two that shows the newest block far below', async () => {
    const [honest, liar] = await three()
    chain([honest, liar], 1, 40, 40)
    // The liar tells no such height, and its tenure of the newest Bitcoin block lies on the newest block: that was older.
    liar.claim = { height: 1_000 }
    const newest = block('40', 40, SET_2)
    liar.blocks.set(newest.id, { ...newest, burnHeight: 100 })
    liar.blocks.set('child', block('child', 41, SET_2, newest.burnHeight))
    const { watcher, read } = await watching([honest, liar])
    const before = await read()
    expect(before).toMatchObject({ set: { keys: NEW_KEYS }, tip: { stacksHeight: 40, burnHeight: 140 } })
    // Both lag now. From far below, every tenure that they have would look like a later one that leaves the block out.
    for (const n of [honest, liar]) forget(n, 38)
    liar.claim = {}
    await expect(read()).rejects.toMatchObject({ code: 'height_went_back' })
    expect(watcher.latest()).toBe(before)
  })

  it('R4: should not be taken from one liar that shows another chain', async () => {
    const [fresh, lagging, liar] = await three()
    chain([fresh, lagging, liar], 1, 8, 9)
    chain([fresh, liar], 9, 12, 9)
    const { watcher, read } = await watching([fresh, lagging, liar], { confirmations: 1 })
    const before = await read()
    forget(liar, 8)
    for (const h of [9, 10, 11]) liar.blocks.set(`x${h}`, block(`x${h}`, h, SET_1))
    await expect(read()).rejects.toMatchObject({ code: 'height_went_back' })
    expect(watcher.latest()).toBe(before)
  })

  it('R4: should not be further back than a reorg goes, whatever Bitcoin height a liar claims for the block', async () => {
    const [restored, lagging, liar] = await three()
    chain([restored, lagging, liar], 1, 10, 5)
    chain([restored, liar], 11, 30, 5)
    const { watcher, read } = await watching([restored, lagging, liar])
    const before = await read()
    expect(before.tip).toMatchObject({ stacksHeight: 30, burnHeight: 130 })
    // The first was restored, and went on with another chain: with the liar's, what it shows would be proof enough.
    for (const n of [restored, liar]) forget(n, 10)
    restored.push(block('other', 11, SET_1, 131))
    liar.blocks.set('lie', block('lie', 11, SET_1, 131))
    liar.claim = { burnHeight: 131 }
    // Of the two that still answer for the block that all have, one tells a Bitcoin height near the newest.
    liar.blocks.set(block('10', 10, SET_2).id, block('10', 10, SET_2, 131))
    await lagging.stop()
    await expect(read()).rejects.toMatchObject({ code: 'height_went_back' })
    expect(watcher.latest()).toBe(before)
  })
})

describe('R4: a reorg that is proved', () => {
  const at = (h: number, burnHeight: number, name = 'fork') => block(`${name} ${h}`, h, SET_1, burnHeight)

  it.each([0, 1])(
    'R4: should be followed where a later tenure leaves it out, with %i confirmations',
    async (confirmations) => {
      const over = await three()
      for (const n of over)
        for (let h = 1; h <= 18; h++) n.push(block(`${h}`, h, h >= 13 ? SET_2 : SET_1, 100 + Math.ceil(h / 3)))
      const { read } = await watching(over, { confirmations })
      const { tip } = await read()
      for (const n of over) {
        forget(n, 9)
        n.push(at(10, tip.burnHeight + 1))
        n.claim = { burnHeight: tip.burnHeight + 2 }
      }
      expect(await read()).toMatchObject({ set: { keys: OLD_KEYS }, tip: { stacksHeight: 10 } })
    },
  )

  it('R4: should not be seen in a tenure that an endpoint has only half of', async () => {
    const over = await three()
    for (const n of over) for (let h = 1; h <= 18; h++) n.push(block(`${h}`, h, SET_1, 100 + Math.ceil(h / 3)))
    const { read, watcher } = await watching(over)
    const before = await read()
    for (const n of over) forget(n, 16)
    await expect(read()).rejects.toMatchObject({ code: 'height_went_back' })
    expect(watcher.latest()).toBe(before)
  })

  it('R4: should need another block at its height where an older version stored what was applied', async () => {
    const over = await three()
    chain(over, 1, 10, 8)
    const first = await watching(over)
    const before = await first.read()
    await first.watcher.stop()
    if (before.kind !== 'set') throw new Error('fixture')
    const { indexBlockHash, stacksHeight, burnHeight } = before.tip
    const stored = encodeSnapshot(REGISTRY, { ...before, tip: { indexBlockHash, stacksHeight, burnHeight } })
    expect(decodeSnapshot(REGISTRY, stored, Date.now())).not.toHaveProperty('tip.isMinedBy')
    first.keeper.bytes = stored
    for (const n of over) {
      forget(n, 7)
      n.push(at(8, 111))
    }
    const second = await watching(over, { keeper: first.keeper })
    await expect(second.read()).rejects.toMatchObject({ code: 'height_went_back' })
    for (const n of over) n.push(at(9, 112), at(10, 113))
    expect(await second.read()).toMatchObject({ set: { keys: OLD_KEYS }, tip: { stacksHeight: 10 } })
  })
})

describe('R4: a block at which a set is known to have stood, without a stored snapshot', () => {
  const tipOf = async (over: readonly FakeNode[]) => {
    const { watcher, read } = await watching(over)
    const { tip } = await read()
    await watcher.stop()
    return tip
  }

  it('R4: should not be gone back behind by endpoints that lag, and be where reading begins again', async () => {
    const over = await three()
    chain(over, 1, 12, 10)
    const knownTip = await tipOf(over)
    for (const n of over) forget(n, 9)
    const { watcher, read } = await watching(over, { knownTip })
    await expect(read()).rejects.toMatchObject({ code: 'height_went_back' })
    expect(watcher.latest()).toBeUndefined()
    chain(over, 10, 12, 10)
    expect(await read()).toMatchObject({ set: { keys: NEW_KEYS }, tip: { stacksHeight: 12 } })
  })

  it('R4: should count beside an older snapshot, too', async () => {
    const over = await three()
    chain(over, 1, 8, 10)
    const { read, keeper } = await watching(over)
    await read()
    chain(over, 9, 12, 10)
    const knownTip = await tipOf(over)
    for (const n of over) forget(n, 9)
    const again = await watching(over, { keeper, knownTip })
    expect(again.watcher.latest()).toMatchObject({ tip: { stacksHeight: 8 } })
    await expect(again.read()).rejects.toMatchObject({ code: 'height_went_back' })
  })

  it('R4: should be left where a quorum shows another chain in its place', async () => {
    const over = await three()
    chain(over, 1, 12, 10)
    const knownTip = await tipOf(over)
    for (const n of over) forget(n, 9)
    chain(over, 10, 11, 99, 'fork ')
    // Another tenure at that Bitcoin height.
    for (const n of over) n.push(block('fork 12', 11, SET_1, 113))
    const { read } = await watching(over, { knownTip })
    expect(await read()).toMatchObject({ set: { keys: OLD_KEYS }, tip: { stacksHeight: 11 } })
  })

  it('R6: should keep "uninitialised" from being believed at any height', async () => {
    const over = await three()
    chain(over, 1, 8, 99)
    const knownTip = await tipOf(over)
    for (const n of over) n.push(block('blank', 9, signerData(BLANK)))
    const { watcher, read } = await watching(over, { knownTip })
    await expect(read()).rejects.toMatchObject({ code: 'invalid_set', data: { fault: 'mixed_initialisation' } })
    expect(watcher.latest()).toBeUndefined()
  })
})
