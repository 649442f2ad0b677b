import { request } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  createEventObserver,
  createRegistryWatcher,
  type EventObserver,
  type RegistryWatcher,
} from '../../src/registry/index.ts'
import { block, FakeNode } from '../unit/registry/support/fake-node.ts'
import { AGGREGATE_2, goodTuple, publicKeys, REGISTRY, signerData } from '../unit/registry/support/fixtures.ts'
import { CountingMetrics, ManualClock, MemoryKeeper } from '../unit/registry/support/ports.ts'

/** The event observer has no authentication, and a foreign contract's event was accepted (sBTC #501): ours is only a hint. */
const event = (contract: string, change: object = {}) => ({
  committed: true,
  txid: '0x01',
  type: 'contract_event',
  contract_event: {
    contract_identifier: contract,
    topic: 'print',
    // Claims a rotation to another set; nobody must believe it.
    raw_value: signerData(goodTuple(6, 40)),
  },
  ...change,
})
const body = (...events: unknown[]) =>
  JSON.stringify({ block_height: 9, index_block_hash: `0x${'ab'.repeat(32)}`, events })

let node: FakeNode
let watcher: RegistryWatcher
let observer: EventObserver
let metrics: CountingMetrics
let hints = 0
const onHint = () => {
  hints++
  watcher.hint()
}
beforeEach(async () => {
  node = await new FakeNode().start()
  node.push(block('a', 1, signerData(goodTuple(3))))
  hints = 0
  metrics = new CountingMetrics()
  watcher = createRegistryWatcher({
    registryId: REGISTRY,
    endpoints: [node.url],
    quorum: 1,
    pollIntervalMs: 600_000,
    minReadIntervalMs: 1,
    keeper: new MemoryKeeper(),
  })
  observer = createEventObserver({ contract: REGISTRY.contract, onHint, metrics })
  await watcher.start()
  await watcher.readNow()
  await observer.start()
})
afterEach(async () => {
  await observer.stop()
  await watcher.stop()
  await node.stop()
})
const post = async (content: string | Uint8Array<ArrayBuffer>, path = '/new_block') =>
  (await fetch(`http://127.0.0.1:${observer.port}${path}`, { method: 'POST', body: content })).status
const counted = (result: string) => metrics.of('registry_observer_posts_total', result)

describe('incident 40: the event observer', () => {
  it('should take our event for a hint only: the set is what the chain says, not what the event says', async () => {
    node.push(block('b', 2, signerData(goodTuple(4, 2, AGGREGATE_2))))
    const changed = new Promise((resolve) => watcher.changes.on(resolve))
    expect(await post(body(event(REGISTRY.contract)))).toBe(200)
    expect(await changed).toMatchObject({ set: { keys: publicKeys(4, 2) } })
    expect(counted('hint')).toBe(1)
    expect(hints).toBe(1)
  })

  it('should change nothing for a forged event without a rotation on chain', async () => {
    const before = watcher.latest()
    const readsBefore = node.reads()
    expect(await post(body(event(REGISTRY.contract)))).toBe(200)
    await expect.poll(() => node.reads()).toBeGreaterThan(readsBefore)
    await watcher.readNow()
    expect(watcher.latest()).toMatchObject({ set: { keys: publicKeys(3) }, tip: before?.tip })
  })

  it.each([
    ['of a foreign contract', event('SM3VDXK3WZZSA84XXFKAFAF15NNZX32CTSG82JFQ4.sbtc-registry')],
    ['of our deployer, another contract', event(`${REGISTRY.contract}-v2`)],
    ['that was not committed', event(REGISTRY.contract, { committed: false })],
    ['of another type', event(REGISTRY.contract, { type: 'stx_transfer_event' })],
  ])('should not even read for an event %s', async (_what, foreign) => {
    expect(await post(body(foreign))).toBe(200)
    expect(counted('no_event')).toBe(1)
    expect(hints).toBe(0)
  })

  it.each([
    ['nothing', ''],
    ['no JSON', '{"events":['],
    ['no object', '[1,2,3]'],
    ['no events', '{}'],
    ['events that are no list', '{"events":{"length":1}}'],
    ['binary', Uint8Array.of(0, 255, 254, 1)],
    ['deep nesting', '['.repeat(200_000)],
    ['a megabyte of noise', 'x'.repeat(1024 * 1024)],
  ])('should answer 200 to %s, count it and live on', async (_what, garbage) => {
    expect(await post(garbage)).toBe(200)
    expect(counted('garbage')).toBe(1)
    expect(await post(body(event(REGISTRY.contract)))).toBe(200)
    expect(counted('hint')).toBe(1)
  })

  it('should answer 200 to the other posts of a node', async () => {
    for (const path of ['/attachments/new', '/new_burn_block', '/new_mempool_tx'])
      expect(await post('{}', path)).toBe(200)
    expect(counted('other_path')).toBe(3)
  })

  it('should live on when a poster hangs up in the middle', async () => {
    await new Promise<void>((resolve) => {
      const req = request({
        port: observer.port,
        method: 'POST',
        path: '/new_block',
        headers: { 'content-length': 100 },
      })
      req.on('error', () => resolve())
      req.write('{"events":')
      req.on('socket', (socket) => socket.on('connect', () => socket.destroy()))
    })
    expect(await post(body(event(REGISTRY.contract)))).toBe(200)
  })

  it.each([
    ['that are good', (_node: FakeNode) => {}],
    ['that all fail', (node: FakeNode) => node.onRequest((_seen, res) => !!res.writeHead(500).end())],
  ])('R10: should make a flood of events one read per second, with reads %s', async (_what, breakIt) => {
    // Time stands still unless told: however fast or slow the flood is, what may be read in it is exact.
    const clock = new ManualClock()
    const calm = createRegistryWatcher({
      registryId: REGISTRY,
      endpoints: [node.url],
      quorum: 1,
      pollIntervalMs: 600_000,
      clock,
      keeper: new MemoryKeeper(),
    })
    const slow = createEventObserver({ contract: REGISTRY.contract, onHint: () => calm.hint() })
    await slow.start()
    await calm.start()
    const first = calm.readNow()
    clock.advance(0)
    await first
    breakIt(node)
    const flood = async () => {
      const posts = Array.from({ length: 50 }, () =>
        fetch(`http://127.0.0.1:${slow.port}/new_block`, { method: 'POST', body: body(event(REGISTRY.contract)) }),
      )
      expect((await Promise.all(posts)).every((r) => r.status === 200)).toBe(true)
    }
    const reads = node.reads()
    for (let second = 1; second <= 3; second++) {
      await flood()
      clock.advance(999)
      await flood()
      expect(node.reads() - reads).toBe(second - 1)
      const read = calm.readNow()
      clock.advance(1)
      await read.catch(() => {})
      expect(node.reads() - reads).toBe(second)
    }
    await slow.stop()
    await calm.stop()
  })
})
