import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { createRegistryWatcher, type Snapshot, type SnapshotKeeper } from '../../src/registry/index.ts'
import { block, FakeNode, json, text } from '../unit/registry/support/fake-node.ts'
import { BLANK, goodTuple, publicKeys, REGISTRY, signerData } from '../unit/registry/support/fixtures.ts'
import { MemoryKeeper } from '../unit/registry/support/ports.ts'

/** ZetaChain node#4618 (2026): a failed registry read blanked the whitelist; every signer went down and could not restart. */
const cleanup: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const undo of cleanup.splice(0).reverse()) await undo()
})

const SET = signerData(goodTuple(5))
const KEYS = publicKeys(5)

async function chain(): Promise<FakeNode> {
  const node = await new FakeNode().start()
  cleanup.push(() => node.stop())
  node.push(block('good', 10, SET))
  return node
}

function watch(node: FakeNode, keeper: SnapshotKeeper) {
  const watcher = createRegistryWatcher({
    registryId: REGISTRY,
    endpoints: [node.url],
    quorum: 1,
    pollIntervalMs: 20,
    minReadIntervalMs: 1,
    callTimeoutMs: 500,
    keeper,
  })
  cleanup.push(() => watcher.stop())
  const changes: Snapshot[] = []
  watcher.changes.on((s) => void changes.push(s))
  return { watcher, changes }
}

const tuple = goodTuple(5)
const always = (respond: (res: ServerResponse) => void) => (_seen: unknown, res: ServerResponse) => {
  respond(res)
  return true
}
const BAD_READS: readonly [string, (node: FakeNode) => void | Promise<void>][] = [
  ['an empty set', (n) => n.push(block('x', 11, signerData({ ...tuple, keys: [] })))],
  ['an uninitialised registry', (n) => n.push(block('x', 11, signerData(BLANK)))],
  ['a set that lost its threshold', (n) => n.push(block('x', 11, signerData({ ...tuple, threshold: 0 })))],
  [
    'a set with a broken key',
    (n) => n.push(block('x', 11, signerData({ ...tuple, keys: [...tuple.keys, new Uint8Array(33)] }))),
  ],
  [
    'a set with duplicates',
    (n) => n.push(block('x', 11, signerData({ ...tuple, keys: [...tuple.keys, ...tuple.keys] }))),
  ],
  ['a value of another shape', (n) => n.push(block('x', 11, '0x09'))],
  ['a value cut short', (n) => n.push(block('x', 11, SET.slice(0, -4)))],
  [
    'a failed call',
    (n) => n.onRequest((s, res) => s.path.includes('call-read') && !!res.end('{"okay":false,"cause":"x"}')),
  ],
  ['an error page', (n) => n.onRequest(always((res) => text(res, 502, '<html>')))],
  ['an empty page', (n) => n.onRequest(always((res) => text(res, 200, '')))],
  ['an empty object', (n) => n.onRequest(always((res) => json(res, 200, {})))],
  ['no answer', (n) => n.onRequest(() => true)],
  ['a dropped connection', (n) => n.onRequest((_s, res) => !!res.destroy())],
  ['a missing contract', (n) => void Object.assign(n, { hasContract: false })],
  ['another network', (n) => void Object.assign(n, { networkId: 1 })],
  ['a closed port', (n) => n.stop()],
]

describe('incident 1: a bad registry read never shrinks the set', () => {
  it.each(BAD_READS)('should keep the set through %s, and store nothing else', async (_what, breakIt) => {
    const node = await chain()
    const keeper = new MemoryKeeper()
    const { watcher, changes } = watch(node, keeper)
    await watcher.start()
    await watcher.readNow()
    const stored = keeper.bytes
    await breakIt(node)
    // One read may have begun before; the next ones have not.
    for (let i = 0; i < 3; i++) await watcher.readNow().catch((error: unknown) => expect(error).toBeInstanceOf(Error))
    await expect(watcher.readNow()).rejects.toThrow()
    expect(watcher.latest()).toMatchObject({ kind: 'set', set: { keys: KEYS, threshold: 3 } })
    expect(changes).toHaveLength(1)
    expect(JSON.parse(new TextDecoder().decode(keeper.bytes)).keys).toEqual(
      JSON.parse(new TextDecoder().decode(stored)).keys,
    )
    expect(watcher.health().lastFailure).toBeDefined()
  })

  it.each(BAD_READS)('should restart with %s from the last good set on disk', async (_what, breakIt) => {
    const node = await chain()
    const keeper = new MemoryKeeper()
    const first = watch(node, keeper)
    await first.watcher.start()
    const before = await first.watcher.readNow()
    await first.watcher.stop()
    await breakIt(node)
    const second = watch(node, keeper)
    await second.watcher.start()
    expect(second.watcher.latest()).toMatchObject({ kind: 'set', set: { keys: KEYS }, readAtMs: expect.any(Number) })
    expect(second.watcher.latest()?.readAtMs).toBeGreaterThanOrEqual(before.readAtMs)
    expect(second.changes).toHaveLength(1)
    await expect(second.watcher.readNow()).rejects.toThrow()
    expect(second.watcher.latest()).toMatchObject({ set: { keys: KEYS } })
    expect(second.changes).toHaveLength(1)
  })

  it('should admit nobody, not a stored guess, when there was never a good read', async () => {
    const node = await chain()
    await node.stop()
    const { watcher, changes } = watch(node, new MemoryKeeper())
    await watcher.start()
    await expect(watcher.readNow()).rejects.toMatchObject({ code: 'unreachable' })
    expect(watcher.latest()).toBeUndefined()
    expect(changes).toEqual([])
  })

  it('R6: should not remember "uninitialised" across a restart with the registry down', async () => {
    const node = await new FakeNode().start()
    cleanup.push(() => node.stop())
    node.push(block('blank', 1, signerData(BLANK)))
    const keeper = new MemoryKeeper()
    const first = watch(node, keeper)
    await first.watcher.start()
    expect((await first.watcher.readNow()).kind).toBe('uninitialised')
    await first.watcher.stop()
    await node.stop()
    const second = watch(node, keeper)
    await second.watcher.start()
    expect(second.watcher.latest()).toBeUndefined()
  })
})
