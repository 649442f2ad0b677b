import { describe, expect, it } from 'vitest'
import { block, type FakeNode } from './support/fake-node.ts'
import { AGGREGATE_2, goodTuple, publicKeys, signerData } from './support/fixtures.ts'
import { watchedNodes } from './support/watched-nodes.ts'

const SET_1 = signerData(goodTuple(3))
const SET_2 = signerData(goodTuple(4, 2, AGGREGATE_2))
const SET_2_KEYS = publicKeys(4, 2)

const { three, watching } = watchedNodes({ confirmations: 2 })

/** One Stacks block per Bitcoin block 101, 102, …, of heights 1, 2, …; the second set from `rotatedAt` on. */
function chainOf(over: readonly FakeNode[], count: number, rotatedAt = Number.POSITIVE_INFINITY, fork = '') {
  for (let h = 1; h <= count; h++)
    for (const node of over) node.push(block(`${fork}${h}`, h, h >= rotatedAt ? SET_2 : SET_1))
}

describe('R4: a reading at a depth', () => {
  it('R4: should be made at the block that is so many Bitcoin blocks deep', async () => {
    const over = await three()
    chainOf(over, 10)
    const { read } = await watching(over)
    expect((await read()).tip).toEqual({
      indexBlockHash: block('8', 8, SET_1).id,
      stacksHeight: 8,
      burnHeight: 108,
      isMinedBy: true,
    })
  })

  it('R4: should show a rotation when it is deep enough, and not before', async () => {
    const over = await three()
    chainOf(over, 10, 10)
    const { read } = await watching(over)
    expect(await read()).toMatchObject({ set: { keys: publicKeys(3) } })
    chainOf(over, 11, 10)
    expect(await read()).toMatchObject({ set: { keys: publicKeys(3) }, tip: { stacksHeight: 9 } })
    chainOf(over, 12, 10)
    expect(await read()).toMatchObject({ set: { keys: SET_2_KEYS }, tip: { stacksHeight: 10 } })
  })

  it('R4: should step over Bitcoin blocks in which nobody mined, and not trust the extended tenure', async () => {
    const over = await three()
    chainOf(over, 4)
    // Tenure 104 is extended while 105, 106 and 107 elect nobody: its newest block is seconds old.
    for (const node of over) {
      node.push(block('late', 5, SET_2, 104))
      node.claim = { burnHeight: 107 }
    }
    const { read } = await watching(over)
    expect(await read()).toMatchObject({ set: { keys: publicKeys(3) }, tip: { stacksHeight: 4, burnHeight: 104 } })
  })

  it('R4: should stop looking for a tenure somewhere', async () => {
    const over = await three()
    chainOf(over, 4)
    for (const node of over) node.claim = { burnHeight: 200 }
    const { read } = await watching(over)
    await expect(read()).rejects.toMatchObject({ code: 'no_quorum' })
    expect(over[0].seen.filter((s) => s.path.startsWith('/v3/')).length).toBeLessThanOrEqual(25)
  })

  it('R4: should tell a failing endpoint once, however many tenures it was asked for', async () => {
    const over = await three()
    chainOf(over, 4)
    for (const node of over) node.claim = { burnHeight: 200 }
    const [failing, ...others] = over
    failing.onRequest((seen, res) => seen.path.startsWith('/v3/') && !!res.writeHead(500).end())
    for (const node of others) node.delay = (seen) => (seen.path.startsWith('/v3/') ? 20 : 0)
    const { read } = await watching(over)
    const error: unknown = await read().catch((e: unknown) => e)
    const told = { endpoint: failing.url, reason: 'http_status' }
    expect(error).toMatchObject({ data: { failures: [told] } })
  })

  it('R4: should not ask an endpoint for what it can not know to be deep', async () => {
    const over = await three()
    chainOf(over, 10)
    const [, , lagging] = over
    lagging.claim = { burnHeight: 108 }
    const { read } = await watching(over)
    expect((await read()).tip.stacksHeight).toBe(8)
    expect(lagging.seen.some((s) => s.path.startsWith('/v3/'))).toBe(false)
  })

  it('R4: should not wait for a silent endpoint at each tenure that a quorum does not have', async () => {
    const over = await three()
    chainOf(over, 4)
    for (const node of over) node.claim = { burnHeight: 200 }
    over[2].onRequest((seen) => seen.path.startsWith('/v3/'))
    const { read } = await watching(over)
    // A grace for each of 25 would be more than this test may last.
    await expect(read()).rejects.toThrow()
  }, 8_000)

  it('R4: should not let one liar lift or lower the depth by a claim', async () => {
    const over = await three()
    chainOf(over, 10)
    const { read } = await watching(over)
    for (const burnHeight of [0, 1, 1_000_000]) {
      over[0].claim = { burnHeight }
      expect((await read()).tip.stacksHeight).toBe(8)
    }
  })

  it.each(['another tenure', 'an older one', 'no tenure', 'garbage', 'nothing at all'])(
    'R4: should not be moved by one endpoint that answers %s',
    async (lie) => {
      const over = await three()
      chainOf(over, 10)
      const [liar] = over
      liar.onRequest((seen, res) => {
        if (!seen.path.startsWith('/v3/')) return false
        const evil = { block_id: 'ee'.repeat(32), parent_block_id: 'dd'.repeat(32), height: 99 }
        const burn_block_height = Number(seen.path.split('/').at(-1))
        if (lie === 'nothing at all') return true
        if (lie === 'no tenure') res.writeHead(404).end('No blocks')
        else if (lie === 'garbage') res.writeHead(200).end('{')
        else if (lie === 'an older one')
          res.writeHead(200).end(JSON.stringify({ burn_block_height: burn_block_height - 3, stacks_blocks: [evil] }))
        else res.writeHead(200).end(JSON.stringify({ burn_block_height, stacks_blocks: [evil] }))
        return true
      })
      const { read } = await watching(over)
      expect((await read()).tip).toMatchObject({ stacksHeight: 8, indexBlockHash: block('8', 8, SET_1).id })
    },
  )

  it('R4: should go on at a lower block when a liar names a higher one with others and then tells nothing of it', async () => {
    const over = await three()
    const [ahead, behind, liar] = over
    chainOf([ahead, liar], 10)
    chainOf([behind], 7)
    liar.onRequest((seen, res) => seen.path.includes('call-read') && !!res.writeHead(404).end('no such tip'))
    const { read } = await watching(over)
    expect((await read()).tip).toMatchObject({
      indexBlockHash: block('7', 7, SET_1).id,
      stacksHeight: 7,
      burnHeight: 107,
    })
    liar.intercept = undefined
    expect((await read()).tip.stacksHeight).toBe(8)
  })

  it('R4: should not ask at every height of endpoints that all tell nothing', async () => {
    const over = await three()
    chainOf(over, 10)
    for (const node of over)
      node.onRequest((seen, res) => seen.path.includes('call-read') && !!res.writeHead(503).end())
    const { read } = await watching(over)
    await expect(read()).rejects.toMatchObject({ code: 'http_status' })
    expect(over[0].seen.filter((s) => s.path.includes('call-read')).length).toBe(1)
  })

  it('R4: should not count an endpoint on which the block is not deep', async () => {
    const over = await three()
    chainOf(over, 10)
    // One has not seen the last two Bitcoin blocks, one is down: only one endpoint has block 8 at depth 2.
    over[1].claim = { burnHeight: 108 }
    await over[2].stop()
    const { read } = await watching(over)
    expect((await read()).tip.stacksHeight).toBe(6)
  })

  it('R4: should go on at a lower block when one endpoint lies and one lags', async () => {
    const over = await three()
    chainOf(over, 10)
    const [liar, lagging] = over
    lagging.claim = { burnHeight: 109 }
    liar.onRequest((seen, res) => seen.path.startsWith('/v3/') && !!res.writeHead(404).end())
    const { read } = await watching(over)
    expect((await read()).tip.stacksHeight).toBe(7)
  })

  it('R4: should read as before without confirmations, and ask for no tenure', async () => {
    const over = await three()
    chainOf(over, 10)
    const { read } = await watching(over, { confirmations: 0 })
    expect((await read()).tip.stacksHeight).toBe(10)
    expect(over[0].seen.some((s) => s.path.startsWith('/v3/'))).toBe(false)
  })
})

describe('R4: a reorg', () => {
  /** Both drop the last `depth` blocks and know of them no more. */
  const drop = (over: readonly FakeNode[], height: number, depth: number) => {
    for (const node of over) {
      for (const b of [...node.blocks.values()]) if (b.height > height - depth) node.blocks.delete(b.id)
      node.tip = [...node.blocks.values()].at(-1)
    }
  }

  /** Of a chain of ten, the last four are replaced by three others. */
  const fork = (over: readonly FakeNode[]) => {
    drop(over, 10, 4)
    for (const node of over) for (const h of [7, 8, 9]) node.push(block(`fork ${h}`, h, SET_1))
  }

  it('R4: should not be seen at all while it is shallower than the confirmations', async () => {
    const over = await three()
    chainOf(over, 10, 7)
    const { watcher, read } = await watching(over)
    const before = await read()
    let changes = 0
    watcher.changes.on(() => void changes++)
    for (const depth of [1, 2]) {
      drop(over, 10, depth)
      expect((await read()).tip).toEqual(before.tip)
      expect(watcher.health().lastFailure).toBeUndefined()
      chainOf(over, 10, 7)
    }
    expect(changes).toBe(0)
  })

  it('R4: should be followed when it is deeper', async () => {
    const over = await three()
    chainOf(over, 10, 7)
    const { read } = await watching(over)
    expect(await read()).toMatchObject({ set: { keys: SET_2_KEYS } })
    fork(over)
    expect(await read()).toMatchObject({ set: { keys: publicKeys(3) }, tip: { stacksHeight: 7, burnHeight: 107 } })
  })

  it('R4: should not be seen in a chain that only shrank: it may be lag, and the set stays until it has grown', async () => {
    const over = await three()
    chainOf(over, 10, 7)
    const { watcher, read } = await watching(over)
    const before = await read()
    drop(over, 10, 4)
    await expect(read()).rejects.toMatchObject({ code: 'height_went_back' })
    expect(watcher.latest()).toBe(before)
    for (const node of over) for (const h of [7, 8, 9, 10, 11]) node.push(block(`fork ${h}`, h, SET_1))
    expect(await read()).toMatchObject({ set: { keys: publicKeys(3) }, tip: { stacksHeight: 9 } })
  })

  it('R4: should be followed though the nodes go on reading at the dropped blocks, as Stacks nodes do', async () => {
    const over = await three()
    chainOf(over, 10, 7)
    const { read } = await watching(over)
    await read()
    const orphans = over.map((node) => new Map(node.blocks))
    fork(over)
    for (const [i, node] of over.entries())
      node.onRequest((seen, res) => {
        const orphan = orphans[i]?.get(seen.query.get('tip') ?? '')
        if (!seen.path.includes('call-read') || orphan === undefined) return false
        res.writeHead(200).end(JSON.stringify({ okay: true, result: orphan.data }))
        return true
      })
    expect(await read()).toMatchObject({ set: { keys: publicKeys(3) }, tip: { stacksHeight: 7 } })
  })

  it('R4: should not be believed of one endpoint', async () => {
    const over = await three()
    chainOf(over, 10, 7)
    const { read } = await watching(over)
    const before = await read()
    drop([over[0]], 10, 8)
    expect((await read()).tip).toEqual(before.tip)
  })

  it('R4: should not be taken from nodes that lag and still have the block', async () => {
    const over = await three()
    chainOf(over, 10, 7)
    const { watcher, read } = await watching(over)
    const before = await read()
    for (const node of over) node.claim = { burnHeight: 104 }
    await expect(read()).rejects.toMatchObject({ code: 'height_went_back' })
    expect(watcher.latest()).toBe(before)
  })

  it('R4: should not be taken from nodes that lag and have not the block yet', async () => {
    const over = await three()
    chainOf(over, 10, 7)
    const { watcher, read } = await watching(over)
    const before = await read()
    drop(over, 10, 4)
    await expect(read()).rejects.toMatchObject({ code: 'height_went_back' })
    expect(watcher.latest()).toBe(before)
    expect(watcher.latest()).toMatchObject({ set: { keys: SET_2_KEYS } })
  })

  it('R4: should stay where it is when the confirmations are raised over a restart', async () => {
    const over = await three()
    chainOf(over, 10, 10)
    const first = await watching(over, { confirmations: 0 })
    const before = await first.read()
    await first.watcher.stop()
    const second = await watching(over, { confirmations: 5, keeper: first.keeper })
    expect((await second.read()).tip).toEqual(before.tip)
    expect(second.watcher.latest()).toMatchObject({ set: { keys: SET_2_KEYS } })
  })
})
