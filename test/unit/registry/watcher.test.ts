import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/base/index.ts'
import {
  createRegistryWatcher,
  type RegistryWatcher,
  type RegistryWatcherInit,
  type Snapshot,
} from '../../../src/registry/index.ts'
import { block, FakeNode, json } from './support/fake-node.ts'
import { AGGREGATE_2, BLANK, DEPLOYER, goodTuple, publicKeys, REGISTRY, signerData } from './support/fixtures.ts'
import { CountingMetrics, ManualClock, MemoryKeeper, MemoryLogger } from './support/ports.ts'

const SET_1 = signerData(goodTuple(3))
const SET_2 = signerData(goodTuple(4, 2, AGGREGATE_2))
const UNSET = signerData(BLANK)

const cleanup: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const undo of cleanup.splice(0).reverse()) await undo()
})

async function nodes(count: number): Promise<FakeNode[]> {
  const made = await Promise.all(Array.from({ length: count }, () => new FakeNode().start()))
  for (const node of made) cleanup.push(() => node.stop())
  return made
}

function rig(over: readonly FakeNode[], init: Partial<RegistryWatcherInit> = {}) {
  const keeper = new MemoryKeeper()
  const logger = new MemoryLogger()
  const metrics = new CountingMetrics()
  const watcher = createRegistryWatcher({
    registryId: REGISTRY,
    endpoints: over.map((n) => n.url),
    quorum: Math.floor(over.length / 2) + 1,
    pollIntervalMs: 600_000,
    minReadIntervalMs: 1,
    callTimeoutMs: 5_000,
    keeper,
    logger,
    metrics,
    ...init,
  })
  const seen: Snapshot[] = []
  watcher.changes.on((s) => void seen.push(s))
  cleanup.push(() => watcher.stop())
  return { watcher, keeper, logger, metrics, seen }
}
const push = (over: readonly FakeNode[], ...args: Parameters<typeof block>) => {
  const made = block(...args)
  for (const node of over) node.push(made)
  return made
}
const failing = (watcher: RegistryWatcher, code: string) => expect(watcher.readNow()).rejects.toMatchObject({ code })

describe('registry watcher with one endpoint', () => {
  it('should read by itself after start, and publish the set', async () => {
    const over = await nodes(1)
    const at = push(over, 'a', 5, SET_1)
    const { watcher, seen, metrics } = rig(over)
    const changed = new Promise<Snapshot>((resolve) => watcher.changes.on(resolve))
    expect(watcher.latest()).toBeUndefined()
    await watcher.start()
    const snapshot = await changed
    expect(snapshot).toMatchObject({ kind: 'set', set: { keys: publicKeys(3), threshold: 2 } })
    expect(snapshot.tip).toEqual({ indexBlockHash: at.id, stacksHeight: 5, burnHeight: at.burnHeight, isMinedBy: true })
    expect(watcher.latest()).toBe(snapshot)
    expect(Object.isFrozen(snapshot) && Object.isFrozen(snapshot.tip)).toBe(true)
    expect(seen).toEqual([snapshot])
    expect(watcher.health()).toEqual({ lastReadAtMs: snapshot.readAtMs, lastFailure: undefined })
    expect(metrics.of('registry_reads_total', 'ok')).toBe(1)
    expect(metrics.of('registry_signers_total')).toBe(3)
  })

  it('should pin the read at the tip it picked', async () => {
    const over = await nodes(1)
    const at = push(over, 'a', 5, SET_1)
    const { watcher } = rig(over)
    await watcher.start()
    await watcher.readNow()
    const tips = over[0]?.seen.filter((s) => s.path.includes('call-read')).map((s) => s.query.get('tip'))
    expect(new Set(tips)).toEqual(new Set([at.id]))
  })

  it('should publish changes only, in order of registration, each listener once', async () => {
    const over = await nodes(1)
    push(over, 'a', 5, SET_1)
    const { watcher, seen } = rig(over)
    const order: string[] = []
    watcher.changes.on(() => void order.push('gate'))
    watcher.changes.on(() => {
      order.push('broken')
      throw new Error('listener')
    })
    const off = watcher.changes.on(() => void order.push('removed'))
    watcher.changes.on((s) => void order.push(watcher.latest() === s ? 'rounds see it as latest' : 'stale'))
    off()
    await watcher.start()
    await watcher.readNow()
    push(over, 'b', 6, SET_1)
    await watcher.readNow()
    expect(watcher.latest()?.tip.stacksHeight).toBe(6)
    expect(seen).toHaveLength(1)
    push(over, 'c', 7, SET_2)
    await watcher.readNow()
    expect(seen).toHaveLength(2)
    expect(order).toEqual(['gate', 'broken', 'rounds see it as latest', 'gate', 'broken', 'rounds see it as latest'])
  })

  it('R6: should publish "uninitialised", then the first set, and store only the set', async () => {
    const over = await nodes(1)
    push(over, 'a', 5, UNSET)
    const { watcher, seen, keeper } = rig(over)
    await watcher.start()
    expect(await watcher.readNow()).toMatchObject({ kind: 'uninitialised', deployer: DEPLOYER })
    expect(keeper.bytes).toBeUndefined()
    push(over, 'b', 6, SET_1)
    await watcher.readNow()
    expect(seen.map((s) => s.kind)).toEqual(['uninitialised', 'set'])
    expect(keeper.bytes).toBeDefined()
  })

  it('R6: should refuse "uninitialised" after a set: it would open the bootstrap', async () => {
    const over = await nodes(1)
    push(over, 'a', 5, SET_1)
    const { watcher, seen } = rig(over)
    await watcher.start()
    const good = await watcher.readNow()
    push(over, 'b', 6, UNSET)
    await failing(watcher, 'invalid_set')
    expect(watcher.latest()).toBe(good)
    expect(seen).toHaveLength(1)
  })

  it.each<[string, (node: FakeNode) => void]>([
    ['wrong_network', (n) => void Object.assign(n, { networkId: 1 })],
    ['contract_missing', (n) => void Object.assign(n, { hasContract: false })],
    ['malformed_answer', (n) => n.push(block('b', 6, '0x03'))],
    ['invalid_set', (n) => n.push(block('b', 6, signerData({ ...goodTuple(), threshold: 1 })))],
    ['height_went_back', (n) => n.push(block('b', 4, SET_2))],
    ['http_status', (n) => n.onRequest((_seen, res) => !!res.writeHead(503).end())],
    [
      'call_failed',
      (n) =>
        n.onRequest((s, res) => s.path.includes('call-read') && !!res.end('{"okay":false,"cause":"RuntimeCheck"}')),
    ],
  ])('should tell %s, count it, and keep the last good snapshot', async (code, breakIt) => {
    const over = await nodes(1)
    push(over, 'a', 5, SET_1)
    const { watcher, seen, metrics, logger } = rig(over)
    await watcher.start()
    const good = await watcher.readNow()
    for (const node of over) breakIt(node)
    await failing(watcher, code)
    await failing(watcher, code)
    expect(watcher.latest()).toBe(good)
    expect(seen).toHaveLength(1)
    expect(metrics.of('registry_reads_total', code)).toBe(2)
    expect(watcher.health().lastFailure?.reason).toBe(code)
    expect(watcher.health().lastReadAtMs).toBe(good.readAtMs)
    expect(logger.messages('warn').filter((m) => m.startsWith('Registry is not readable'))).toHaveLength(1)
  })

  it('should recover by itself when the chain is back', async () => {
    const over = await nodes(1)
    push(over, 'a', 5, SET_1)
    const { watcher, logger } = rig(over, { pollIntervalMs: 20 })
    await watcher.start()
    await watcher.readNow()
    await over[0]?.stop()
    await failing(watcher, 'unreachable')
    const changed = new Promise<Snapshot>((resolve) => watcher.changes.on(resolve))
    push(over, 'b', 6, SET_2)
    await over[0]?.start()
    expect(await changed).toMatchObject({ set: { keys: publicKeys(4, 2) } })
    expect(watcher.health().lastFailure).toBeUndefined()
    expect(logger.messages('info')).toContain('Registry is readable again')
  })

  it('should end a stuck read at its deadline and go on', async () => {
    const over = await nodes(1)
    push(over, 'a', 5, SET_1)
    const { watcher } = rig(over, { callTimeoutMs: 100, pollIntervalMs: 20 })
    for (const node of over) node.intercept = () => true
    await watcher.start()
    await failing(watcher, 'timeout')
    for (const node of over) node.intercept = undefined
    await new Promise<Snapshot>((resolve) => watcher.changes.on(resolve))
    expect(watcher.latest()?.kind).toBe('set')
  })

  it('should tell since when a read is under way, and no more when it ended, well or not', async () => {
    const over = await nodes(1)
    push(over, 'a', 5, SET_1)
    const clock = new ManualClock()
    const { watcher } = rig(over, { clock })
    expect(watcher.health().readingSinceMs).toBeUndefined()
    const asked = Promise.withResolvers<ServerResponse>()
    over[0]?.onRequest((_seen, res) => {
      asked.resolve(res)
      return true
    })
    await watcher.start()
    const reading = watcher.readNow()
    clock.advance(0)
    const startedAtMs = clock.now()
    const res = await asked.promise
    clock.advance(3_000)
    expect(watcher.health().readingSinceMs).toBe(startedAtMs)
    res.writeHead(500).end()
    await expect(reading).rejects.toThrow()
    expect(watcher.health()).not.toHaveProperty('readingSinceMs')
    if (over[0] !== undefined) over[0].intercept = undefined
    const good = watcher.readNow()
    clock.advance(10_000)
    await good
    expect(watcher.health()).not.toHaveProperty('readingSinceMs')
  })

  it('should read after a hint', async () => {
    const over = await nodes(1)
    push(over, 'a', 5, SET_1)
    const { watcher } = rig(over)
    await watcher.start()
    await watcher.readNow()
    push(over, 'b', 6, SET_2)
    const changed = new Promise<Snapshot>((resolve) => watcher.changes.on(resolve))
    watcher.hint()
    expect(await changed).toMatchObject({ set: { keys: publicKeys(4, 2) } })
  })

  it('should stop at once in the middle of a read, publish nothing after, and start again', async () => {
    const over = await nodes(1)
    push(over, 'a', 5, SET_1)
    const { watcher, seen } = rig(over, { callTimeoutMs: 60_000 })
    const asked = new Promise<void>((resolve) => {
      for (const node of over)
        node.intercept = () => {
          resolve()
          return true
        }
    })
    await watcher.start()
    const waiting = expect(watcher.readNow()).rejects.toMatchObject({ code: 'STOPPED' })
    await asked
    await watcher.stop()
    await waiting
    expect(seen).toEqual([])
    for (const node of over) node.intercept = undefined
    await watcher.start()
    await watcher.readNow()
    expect(seen).toHaveLength(1)
  })

  it('should warn of a principal that is not the multisig of the keys, once per set', async () => {
    const over = await nodes(1)
    push(over, 'a', 5, signerData({ ...goodTuple(), principal: `${DEPLOYER}.dao` }))
    const { watcher, logger } = rig(over)
    await watcher.start()
    await watcher.readNow()
    push(over, 'b', 6, signerData({ ...goodTuple(), principal: `${DEPLOYER}.dao` }))
    await watcher.readNow()
    expect(logger.messages('warn').filter((m) => m.includes('principal'))).toHaveLength(1)
    expect(watcher.latest()).toMatchObject({ set: { principal: `${DEPLOYER}.dao` } })
  })
})

describe('registry watcher and its store', () => {
  it('should go on when the store fails', async () => {
    const over = await nodes(1)
    push(over, 'a', 5, SET_1)
    const keeper = {
      load: () => Promise.reject(new Error('disk')),
      save: () => Promise.reject(new Error('disk')),
    }
    const { watcher, logger } = rig(over, { keeper })
    await watcher.start()
    expect((await watcher.readNow()).kind).toBe('set')
    expect(logger.messages('error')).toHaveLength(2)
  })

  it('should publish before it stores: a slow disk keeps nobody connected', async () => {
    const over = await nodes(1)
    push(over, 'a', 5, SET_1)
    const saved = Promise.withResolvers<void>()
    const { watcher } = rig(over, { keeper: { load: async () => undefined, save: () => saved.promise } })
    const changed = new Promise<Snapshot>((resolve) => watcher.changes.on(resolve))
    await watcher.start()
    expect((await changed).kind).toBe('set')
    saved.resolve()
  })

  it('should ignore a stored snapshot of another registry, and say so', async () => {
    const over = await nodes(1)
    push(over, 'a', 5, SET_1)
    const first = rig(over)
    await first.watcher.start()
    await first.watcher.readNow()
    await first.watcher.stop()
    const other = rig(over, { registryId: { ...REGISTRY, network: 'other' }, keeper: first.keeper })
    for (const node of over) await node.stop()
    await other.watcher.start()
    expect(other.watcher.latest()).toBeUndefined()
    expect(other.logger.lines).toContainEqual(
      expect.objectContaining({
        message: 'The stored registry snapshot is ignored',
        fields: { reason: 'other_registry' },
      }),
    )
  })
})

describe('R5: registry watcher and age', () => {
  const MAX_AGE_MS = 60_000
  async function aged() {
    const over = await nodes(1)
    push(over, 'a', 5, SET_1)
    const clock = { ...systemClock, nowMs: 10_000_000, now: () => clock.nowMs }
    const made = rig(over, { clock, maxAgeMs: MAX_AGE_MS })
    expect(made.watcher.stale()).toBe(false)
    await made.watcher.start()
    const good = await made.watcher.readNow()
    return { ...made, over, clock, good }
  }

  it('R5: should be stale past max_age, keep the members, and publish nothing', async () => {
    const { watcher, clock, good, seen } = await aged()
    clock.nowMs += MAX_AGE_MS
    expect(watcher.stale()).toBe(false)
    clock.nowMs += 1
    expect(watcher.stale()).toBe(true)
    expect(watcher.latest()).toBe(good)
    expect(seen).toEqual([good])
  })

  it('R5: should count as stale when a read fails, and be fresh after a good one', async () => {
    const { watcher, clock, over, metrics } = await aged()
    for (const node of over) await node.stop()
    clock.nowMs += MAX_AGE_MS + 1
    await failing(watcher, 'unreachable')
    expect(metrics.of('registry_stale')).toBe(1)
    for (const node of over) await node.start()
    await watcher.readNow()
    expect(watcher.stale()).toBe(false)
    expect(metrics.of('registry_stale')).toBe(0)
  })

  it('R5: should not be kept fresh by a clock that was far ahead', async () => {
    const { watcher, clock } = await aged()
    clock.nowMs -= MAX_AGE_MS + 1
    expect(watcher.stale()).toBe(true)
  })

  it('R5: should be stale from its start by what the disk holds', async () => {
    const { watcher, clock, over, keeper, metrics } = await aged()
    await watcher.stop()
    for (const node of over) await node.stop()
    clock.nowMs += MAX_AGE_MS + 1
    const again = rig(over, { clock, maxAgeMs: MAX_AGE_MS, keeper, metrics })
    await again.watcher.start()
    expect(again.watcher.latest()).toMatchObject({ set: { keys: publicKeys(3) } })
    expect(again.watcher.stale()).toBe(true)
    expect(metrics.of('registry_stale')).toBe(1)
  })
})

describe('R4: registry watcher with a quorum', () => {
  it('R4: should not be made with a quorum that two views could both reach, or with a broken endpoint', () => {
    const init = { registryId: REGISTRY, pollIntervalMs: 1000, keeper: new MemoryKeeper() }
    const make = (endpoints: string[], quorum: number) => () => createRegistryWatcher({ ...init, endpoints, quorum })
    expect(make(['http://127.0.0.1:1', 'http://127.0.0.1:2'], 1)).toThrow(
      expect.objectContaining({ code: 'BAD_QUORUM' }),
    )
    expect(make(['127.0.0.1'], 1)).toThrow(expect.objectContaining({ code: 'BAD_ENDPOINT' }))
  })

  it('R4: should not apply what one of three says', async () => {
    const over = await nodes(3)
    const [liar] = over
    push(over, 'a', 5, SET_1)
    const { watcher } = rig(over)
    await watcher.start()
    const good = await watcher.readNow()
    const next = push(over, 'b', 6, SET_1)
    liar?.blocks.set(next.id, { ...next, data: SET_2 })
    expect(await watcher.readNow()).toMatchObject({ set: { keys: publicKeys(3) }, tip: { stacksHeight: 6 } })
    expect(watcher.latest()).not.toBe(good)
  })

  it('R4: should read at the highest block that a quorum has', async () => {
    const over = await nodes(3)
    push(over, 'a', 5, SET_1)
    push(over.slice(0, 2), 'b', 6, SET_1)
    push(over.slice(0, 1), 'c', 7, SET_2)
    const { watcher } = rig(over)
    await watcher.start()
    expect(await watcher.readNow()).toMatchObject({ set: { keys: publicKeys(3) }, tip: { stacksHeight: 6 } })
  })

  it('R4: should not let one liar lift the height out of reach', async () => {
    const over = await nodes(3)
    push(over, 'a', 5, SET_1)
    const [liar] = over
    if (liar !== undefined) liar.claim = { height: 1_000_000, burnHeight: 1_000_000 }
    const { watcher } = rig(over)
    await watcher.start()
    expect((await watcher.readNow()).tip.stacksHeight).toBe(5)
    push(over, 'b', 6, SET_2)
    expect((await watcher.readNow()).tip.stacksHeight).toBe(6)
  })

  it.each([
    ['its height', {}],
    ['the height of the newest block', { height: 7 }],
    ['height and Bitcoin height of the newest block', { height: 7, burnHeight: 107 }],
    ['an older Bitcoin height', { height: 7, burnHeight: 101 }],
  ])(
    'R4: should not let one liar pass an old block, with the set of then, for the newest, at %s',
    async (_what, claim) => {
      for (const place of [0, 1, 2]) {
        const over = await nodes(3)
        const old = push(over, 'a', 5, SET_2)
        push(over, 'b', 6, SET_1)
        push(over, 'c', 7, SET_1)
        const liar = over[place]
        if (liar === undefined) throw new Error('fixture')
        // Everyone knows the old block, and answers truly for it: a member that was removed since would be back.
        liar.tip = old
        liar.claim = claim
        const { watcher } = rig(over)
        await watcher.start()
        expect(await watcher.readNow()).toMatchObject({ set: { keys: publicKeys(3) }, tip: { stacksHeight: 7 } })
      }
    },
  )

  it('R4: should not be held up by a liar that is silent about its own lie', async () => {
    const over = await nodes(3)
    const old = push(over, 'a', 5, SET_2)
    push(over, 'b', 6, SET_1)
    const [liar] = over
    if (liar === undefined) throw new Error('fixture')
    liar.tip = old
    liar.claim = { height: 6, burnHeight: 106 }
    const asked = Promise.withResolvers<void>()
    liar.onRequest((seen) => {
      if (!seen.path.startsWith('/v3/')) return false
      asked.resolve()
      return true
    })
    // Nothing but the other endpoints' answers ends this: the test would run into its own deadline.
    const { watcher } = rig(over, { callTimeoutMs: 600_000 })
    await watcher.start()
    expect(await watcher.readNow()).toMatchObject({ tip: { stacksHeight: 6 }, set: { keys: publicKeys(3) } })
    await asked.promise
  })

  it('R4: should not wait for a liar that is silent about its own lie where no other endpoint could vouch for it', async () => {
    const over = await nodes(3)
    const old = push(over, 'a', 5, SET_2)
    push(over, 'b', 6, SET_1)
    push(over, 'c', 7, SET_1)
    const [liar, , down] = over
    if (liar === undefined) throw new Error('fixture')
    await down?.stop()
    liar.tip = old
    liar.claim = { height: 6, burnHeight: 106 }
    liar.onRequest((seen) => seen.path.startsWith('/v3/'))
    const { watcher } = rig(over, { callTimeoutMs: 600_000 })
    await watcher.start()
    await expect(watcher.readNow()).rejects.toThrow()
  })

  it('R4: should not lose a block of two for one that is first to say that it lacks it', async () => {
    const over = await nodes(3)
    push(over, 'a', 5, SET_1)
    push(over.slice(0, 2), 'b', 6, SET_1)
    push(over.slice(0, 1), 'c', 7, SET_1)
    // The two that have block 6 take their time; of the three, each names another newest block.
    for (const node of over.slice(0, 2)) node.delay = (seen) => (seen.path.startsWith('/v3/') ? 100 : 0)
    const { watcher } = rig(over)
    await watcher.start()
    expect((await watcher.readNow()).tip.stacksHeight).toBe(6)
  })

  it.each([
    ['an old block', 'a', { height: 7, burnHeight: 107 }],
    ['an old block, at the Bitcoin height where it stands', 'a', { height: 7, burnHeight: 105 }],
    ['an old block, and lists it there', 'a', { height: 7, burnHeight: 107 }],
    ['the block of the one that lags', 'b', { height: 7, burnHeight: 107 }],
  ])('R4: should not let one liar pass %s for the newest while another endpoint lags', async (what, name, claim) => {
    const over = await nodes(3)
    const blocks = { a: push(over, 'a', 5, SET_2), b: push(over, 'b', 6, SET_1) }
    const [liar, ahead] = over
    if (liar === undefined || ahead === undefined) throw new Error('fixture')
    push([ahead], 'c', 7, SET_1)
    const told = blocks[name as 'a' | 'b']
    liar.tip = told
    liar.claim = claim
    if (what.endsWith('lists it there'))
      liar.onRequest((seen, res) => {
        const listed = { block_id: told.id, parent_block_id: '00'.repeat(32), height: 7 }
        const burn_block_height = Number(seen.path.split('/').at(-1))
        if (seen.path.startsWith('/v3/')) json(res, 200, { burn_block_height, stacks_blocks: [listed] })
        return seen.path.startsWith('/v3/')
      })
    const { watcher } = rig(over)
    await watcher.start()
    expect(await watcher.readNow()).toMatchObject({ set: { keys: publicKeys(3) }, tip: { stacksHeight: 6 } })
  })

  it('R4: should go on with one endpoint down, one on another network or one silent', async () => {
    const over = await nodes(3)
    push(over, 'a', 5, SET_1)
    const [one] = over
    if (one === undefined) return
    const { watcher, metrics, logger } = rig(over, { callTimeoutMs: 60_000 })
    await watcher.start()
    await watcher.readNow()
    one.networkId = 1
    await watcher.readNow()
    expect(metrics.of('registry_endpoint_failures_total', 'wrong_network')).toBe(1)
    one.intercept = () => true
    await watcher.readNow()
    expect(metrics.of('registry_endpoint_failures_total', 'timeout')).toBe(1)
    await one.stop()
    await watcher.readNow()
    await watcher.readNow()
    expect(metrics.of('registry_endpoint_failures_total', 'unreachable')).toBe(2)
    expect(logger.messages('warn')).toHaveLength(3)
  })

  it('R4: should say no_quorum when two of three are down, or all three disagree', async () => {
    const over = await nodes(3)
    const [a, b, c] = over
    const at = push(over, 'a', 5, SET_1)
    a?.blocks.set(at.id, { ...at, data: SET_2 })
    b?.blocks.set(at.id, { ...at, data: UNSET })
    const { watcher } = rig(over)
    await watcher.start()
    await failing(watcher, 'no_quorum')
    await a?.stop()
    await b?.stop()
    await failing(watcher, 'no_quorum')
    await c?.stop()
    await failing(watcher, 'unreachable')
    expect(watcher.latest()).toBeUndefined()
  })
})

describe('R4: heights', () => {
  async function atHeight(height: number, burnHeight: number, count = 3) {
    const over = await nodes(count)
    push(over, 'old', height, SET_1, burnHeight)
    const { watcher } = rig(over)
    await watcher.start()
    await watcher.readNow()
    return { over, watcher }
  }

  it('R4: should not go back while the nodes still know the higher block', async () => {
    const { over, watcher } = await atHeight(10, 50)
    push(over, 'lower', 9, SET_2, 50)
    await failing(watcher, 'height_went_back')
    expect(watcher.latest()?.tip.stacksHeight).toBe(10)
  })

  it('R4: should follow a reorg when a quorum shows another chain in the place of the block', async () => {
    const { over, watcher } = await atHeight(10, 50)
    for (const node of over.slice(0, 2)) node.blocks.clear()
    push(over, 'fork', 9, SET_2, 51)
    expect(await watcher.readNow()).toMatchObject({ tip: { stacksHeight: 9 }, set: { keys: publicKeys(4, 2) } })
  })

  it('R4: should follow it though the nodes go on reading at the dropped block, as Stacks nodes do', async () => {
    const { over, watcher } = await atHeight(10, 50)
    const old = block('old', 10, SET_1, 50)
    for (const node of over) {
      node.blocks.clear()
      node.onRequest((seen, res) => {
        const orphan = seen.path.includes('call-read') && seen.query.get('tip') === old.id
        if (orphan) json(res, 200, { okay: true, result: old.data })
        return orphan
      })
    }
    push(over, 'fork', 9, SET_2, 51)
    expect(await watcher.readNow()).toMatchObject({ tip: { stacksHeight: 9 }, set: { keys: publicKeys(4, 2) } })
  })

  it('R4: should not take the Bitcoin height of a block from one endpoint', async () => {
    const over = await nodes(3)
    push(over, 'old', 10, SET_1, 50)
    const [one] = over
    if (one !== undefined) one.claim = { burnHeight: 1 }
    const { watcher } = rig(over, { quorum: 3 })
    await watcher.start()
    await failing(watcher, 'no_quorum')
    if (one !== undefined) one.claim = { burnHeight: 53 }
    expect((await watcher.readNow()).tip).toMatchObject({ stacksHeight: 10, burnHeight: 50 })
  })

  it('R4: should not take a quorum of nodes that lag for a reorg', async () => {
    const { over, watcher } = await atHeight(10, 50)
    for (const node of over) node.blocks.clear()
    push(over, 'behind', 9, SET_2, 49)
    await failing(watcher, 'height_went_back')
    expect(watcher.latest()).toMatchObject({ tip: { stacksHeight: 10 }, set: { keys: publicKeys(3) } })
  })

  it('R4: should not count a node of another network when a reorg is to be proved', async () => {
    const { over, watcher } = await atHeight(10, 50)
    const [knows, forgot, foreign] = over
    forgot?.blocks.clear()
    foreign?.blocks.clear()
    push([...over], 'lower', 9, SET_2, 51)
    if (foreign !== undefined) foreign.networkId = 1
    await failing(watcher, 'height_went_back')
    expect(knows?.blocks.size).toBe(2)
  })

  it('R4: should not take one forgetful node of three for a reorg', async () => {
    const { over, watcher } = await atHeight(10, 50)
    over[0]?.blocks.clear()
    push(over, 'lower', 9, SET_2, 50)
    await failing(watcher, 'height_went_back')
  })

  it('R4: should not take a node that syncs from the start for a reorg', async () => {
    const { over, watcher } = await atHeight(1000, 500, 1)
    for (const node of over) node.blocks.clear()
    push(over, 'genesis', 1, SET_2, 1)
    await failing(watcher, 'height_went_back')
  })

  it('R4: should not take a node that is down for one that has forgotten', async () => {
    const { over, watcher } = await atHeight(10, 50, 1)
    push(over, 'lower', 9, SET_2, 50)
    for (const node of over) node.intercept = (s, res) => s.path.startsWith('/v3/') && !!res.writeHead(503).end()
    await failing(watcher, 'height_went_back')
  })

  it('R4: should keep the height across a restart', async () => {
    const over = await nodes(1)
    push(over, 'old', 10, SET_1)
    const first = rig(over)
    await first.watcher.start()
    await first.watcher.readNow()
    await first.watcher.stop()
    push(over, 'lower', 9, SET_2)
    const second = rig(over, { keeper: first.keeper })
    await second.watcher.start()
    await failing(second.watcher, 'height_went_back')
    expect(second.watcher.latest()).toMatchObject({ set: { keys: publicKeys(3) } })
  })
})
