import { describe, expect, it } from 'vitest'
import { createRotateKeysTx, createStacksClient, principalOf } from '../../../src/registry/index.ts'
import { standingOf } from '../../../src/registry/standing.ts'
import { block, type FakeNode, type Seen } from './support/fake-node.ts'
import { AGGREGATE_2, goodTuple, publicKeys, REGISTRY, signerData } from './support/fixtures.ts'
import { watchedNodes } from './support/watched-nodes.ts'

/** An endpoint that answers each question just within its deadline, and never so that it counts. */
const SET_1 = signerData(goodTuple(3))
const SET_2 = signerData(goodTuple(4, 2, AGGREGATE_2))
const PRINCIPAL = principalOf(REGISTRY.chainId, publicKeys(3), 2)
/** So long that nothing but the other endpoints' answers ends a reading: the test would run into its own deadline. */
const FOR_EVER_MS = 600_000

const { three, watching } = watchedNodes({ quorum: 2, pollIntervalMs: FOR_EVER_MS, callTimeoutMs: FOR_EVER_MS })
function chain(over: readonly FakeNode[], from: number, to: number) {
  for (let h = from; h <= to; h++) for (const node of over) node.push(block(`${h}`, h, SET_1))
}
const isTenure = (seen: Seen) => seen.path.startsWith('/v3/tenures')
/** Never answers what `what` matches. */
const mute = (node: FakeNode, what = isTenure) => node.onRequest((seen) => what(seen))
const clientsOf = (over: readonly FakeNode[], timeoutMs: number) =>
  over.map((n) => createStacksClient(n.url, { timeoutMs }))

describe('R4: a liar that holds its answers back', () => {
  it('R4: should not stall reading while an honest endpoint is one block behind', async () => {
    const [fresh, behind, liar] = await three()
    chain([fresh, behind, liar], 1, 10)
    chain([fresh], 11, 11)
    liar.claim = { height: 11, burnHeight: 111 }
    mute(liar)
    const { read } = await watching([fresh, behind, liar])
    expect((await read()).tip.stacksHeight).toBe(10)
  })

  it('R4: should not stall a reading at a depth while an honest endpoint is one block behind', async () => {
    const [fresh, behind, liar] = await three()
    chain([fresh, behind, liar], 1, 10)
    chain([fresh], 11, 11)
    behind.claim = { burnHeight: 111 }
    mute(liar)
    const { read } = await watching([fresh, behind, liar], { confirmations: 1 })
    // Two claim to have reached 111; one of them has no tenure there yet.
    liar.claim = { burnHeight: 111 }
    expect((await read()).tip.stacksHeight).toBe(10)
  })

  it('R4: should not keep a proven reorg from being followed', async () => {
    const [one, other, liar] = await three()
    chain([one, other, liar], 1, 10)
    const { read } = await watching([one, other, liar])
    expect((await read()).tip.stacksHeight).toBe(10)
    for (const n of [one, other]) {
      for (const b of [...n.blocks.values()]) if (b.height > 8) n.blocks.delete(b.id)
      n.push(block('fork', 9, SET_2, 111))
    }
    mute(liar)
    expect(await read()).toMatchObject({ set: { keys: publicKeys(4, 2) }, tip: { stacksHeight: 9 } })
  })

  it('R4: should not keep a step back from being refused where the others are divided', async () => {
    const [one, other, liar] = await three()
    chain([one, other, liar], 1, 10)
    const { read } = await watching([one, other, liar])
    await read()
    for (const n of [other, liar]) {
      n.blocks.delete(block('10', 10, SET_1).id)
      n.tip = [...n.blocks.values()].at(-1)
    }
    mute(liar)
    await expect(read()).rejects.toMatchObject({ code: 'height_went_back' })
  })
})

describe('R4: deadlines over several calls', () => {
  /** Each answer late, and none too late by itself. */
  const drip = (node: FakeNode, delayMs: number, what: (seen: Seen) => boolean = () => true) => {
    node.delay = (seen) => (what(seen) ? delayMs : 0)
  }

  it('R4: should give all tenures that a block is looked for in the time of one call', async () => {
    const [liar] = await three()
    chain([liar], 1, 3)
    drip(liar, 700, isTenure)
    const [client] = clientsOf([liar], 1_000)
    if (client === undefined) throw new Error('fixture')
    const far = { indexBlockHash: 'ab'.repeat(32), stacksHeight: 300, burnHeight: 400 }
    await expect(standingOf(client, far)).rejects.toMatchObject({ code: 'timeout' })
    expect(liar.seen.length).toBe(2)
  })

  it('R29: should end asking for the state of a rotation, however many calls it would take', async () => {
    const over = await three()
    const [highest, middle, lowest] = over
    chain(over, 1, 3)
    chain([highest, middle], 4, 4)
    chain([highest], 5, 5)
    // They differ at every block, so each is tried.
    for (const [i, node] of over.entries()) {
      node.nonce = i
      drip(node, 700)
    }
    expect(lowest.tip?.height).toBe(3)
    const tx = createRotateKeysTx({ registryId: REGISTRY, clients: clientsOf(over, 1_000), quorum: 2 })
    await expect(tx.rotationState(PRINCIPAL)).rejects.toMatchObject({
      code: 'timeout',
      message: expect.stringContaining('state of a rotation'),
    })
  })
})
