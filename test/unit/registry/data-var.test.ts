import { afterEach, describe, expect, it } from 'vitest'
import { createRegistryWatcher, probeRegistry } from '../../../src/registry/index.ts'
import { block, FakeNode, json } from './support/fake-node.ts'
import { AGGREGATE_2, BLANK, goodTuple, publicKeys, REGISTRY, signerData } from './support/fixtures.ts'
import { MemoryKeeper } from './support/ports.ts'

const SET_1 = signerData(goodTuple(3))
const SET_2 = signerData(goodTuple(4, 2, AGGREGATE_2))

const cleanup: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const undo of cleanup.splice(0).reverse()) await undo()
})

/** Three nodes of a contract without the combined read. */
async function rig(data = SET_1) {
  const over = (await Promise.all([0, 1, 2].map(() => new FakeNode().start()))) as [FakeNode, FakeNode, FakeNode]
  for (const node of over) {
    cleanup.push(() => node.stop())
    node.hasFunction = false
    node.push(block('a', 5, data))
  }
  const watcher = createRegistryWatcher({
    registryId: REGISTRY,
    endpoints: over.map((n) => n.url),
    quorum: 2,
    pollIntervalMs: 600_000,
    minReadIntervalMs: 1,
    callTimeoutMs: 20_000,
    keeper: new MemoryKeeper(),
  })
  cleanup.push(() => watcher.stop())
  await watcher.start()
  return { over, watcher, read: () => watcher.readNow() }
}

describe('R4: a contract without get-current-signer-data', () => {
  it('R4: should be read by its four variables at one block, and say so', async () => {
    const { over, read } = await rig()
    const snapshot = await read()
    expect(snapshot).toMatchObject({ set: { keys: publicKeys(3), threshold: 2 }, evidence: { via: 'data_var' } })
    const tips = over.flatMap((n) => n.seen.filter((s) => s.path.includes('data_var')).map((s) => s.query.get('tip')))
    expect(new Set(tips)).toEqual(new Set([block('a', 5, SET_1).id]))
  })

  it('R6: should be uninitialised by them as well', async () => {
    const { read } = await rig(signerData(BLANK))
    expect(await read()).toMatchObject({ kind: 'uninitialised', evidence: { via: 'data_var' } })
  })

  it('R4: should be validated as every reading', async () => {
    const { read } = await rig(signerData({ ...goodTuple(), threshold: 1 }))
    await expect(read()).rejects.toMatchObject({ code: 'invalid_set' })
  })

  it('should pass the check at start', async () => {
    const { over } = await rig()
    expect(await probeRegistry(REGISTRY, [over[0].url])).toMatchObject([{ ok: true, state: 'set' }])
  })

  it('R4: should not let one of three mix in values of another block', async () => {
    const { over, read } = await rig()
    const [liar] = over
    const next = block('b', 6, SET_2)
    for (const node of over) node.push(next)
    // Threshold of the old set, keys of the new one.
    liar.blocks.set(next.id, { ...next, data: signerData({ ...goodTuple(4, 2, AGGREGATE_2), threshold: 4 }) })
    expect(await read()).toMatchObject({ set: { keys: publicKeys(4, 2), threshold: 3 }, evidence: { via: 'data_var' } })
    expect((await read()).evidence?.endpoints).not.toContain(liar.url)
  })

  it('R4: should have no quorum when two of three tell different variables', async () => {
    const { over, watcher, read } = await rig()
    const before = await read()
    const next = block('b', 6, SET_2)
    over[0].push(next)
    over[1].push({ ...next, data: SET_1 })
    await over[2].stop()
    await expect(read()).rejects.toMatchObject({ code: 'no_quorum' })
    expect(watcher.latest()).toBe(before)
  })

  it.each(['undefined function', 'an outage', 'a failed call'])(
    'R4: should not be taken for one because one endpoint of a whole contract says %s',
    async (lie) => {
      const { over, read } = await rig()
      for (const node of over) node.hasFunction = true
      over[0].hasFunction = lie !== 'undefined function'
      over[0].onRequest((seen, res) => {
        if (!seen.path.includes('call-read') || lie === 'undefined function') return false
        if (lie === 'an outage') res.writeHead(503).end()
        else json(res, 200, { okay: false, cause: 'Unchecked(CostBalanceExceeded)' })
        return true
      })
      const snapshot = await read()
      expect(snapshot.evidence).toMatchObject({ via: 'call-read' })
      expect(snapshot.evidence?.endpoints).not.toContain(over[0].url)
    },
  )

  it.each(['Unchecked(CostBalanceExceeded)', 'Unchecked(UndefinedFunction("get-current-signer-set"))', 'NotReadOnly'])(
    'R4: should not be taken for one because every call fails with %s',
    async (cause) => {
      const { over, read } = await rig()
      for (const node of over)
        node.onRequest((seen, res) => {
          if (seen.path.includes('call-read')) json(res, 200, { okay: false, cause })
          return seen.path.includes('call-read')
        })
      await expect(read()).rejects.toMatchObject({ code: 'call_failed' })
      expect(over.some((n) => n.seen.some((s) => s.path.includes('data_var')))).toBe(false)
    },
  )

  it.each(['one variable is missing', 'one variable is of another type', 'all variables are garbage'])(
    'R4: should keep the last set when %s',
    async (what) => {
      const { over, watcher, read } = await rig()
      const before = await read()
      for (const node of over) {
        node.push(block('b', 6, SET_2))
        node.onRequest((seen, res) => {
          if (!seen.path.includes('data_var')) return false
          if (what.startsWith('all')) json(res, 200, { data: '0xzz' })
          else if (!seen.path.endsWith('current-signature-threshold')) return false
          else if (what.endsWith('missing')) res.writeHead(404).end('Data var not found')
          else json(res, 200, { data: '0x03' })
          return true
        })
      }
      await expect(read()).rejects.toThrow()
      expect(watcher.latest()).toBe(before)
    },
  )
})
