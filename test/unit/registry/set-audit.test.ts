import { afterEach, describe, expect, it } from 'vitest'
import { createRegistryWatcher, type SetAudit } from '../../../src/registry/index.ts'
import { block, FakeNode } from './support/fake-node.ts'
import { AGGREGATE_2, BLANK, goodTuple, REGISTRY, signerData } from './support/fixtures.ts'
import { CountingMetrics, MemoryKeeper } from './support/ports.ts'

const SET_1 = signerData(goodTuple(3))
const SET_2 = signerData(goodTuple(4, 2, AGGREGATE_2))
const UNSET = signerData(BLANK)

const cleanup: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const undo of cleanup.splice(0).reverse()) await undo()
})

class MemoryAudit implements SetAudit {
  readonly lines: string[] = []
  broken = false
  async append(line: string): Promise<void> {
    if (this.broken) throw new Error('disk')
    this.lines.push(line)
  }
  get changes() {
    return this.lines.map((line) => JSON.parse(line))
  }
}

async function rig(count: number, audit = new MemoryAudit(), keeper = new MemoryKeeper()) {
  const nodes = await Promise.all(Array.from({ length: count }, () => new FakeNode().start()))
  for (const node of nodes) cleanup.push(() => node.stop())
  const metrics = new CountingMetrics()
  const watcher = createRegistryWatcher({
    registryId: REGISTRY,
    endpoints: nodes.map((n) => n.url),
    quorum: Math.floor(count / 2) + 1,
    pollIntervalMs: 600_000,
    minReadIntervalMs: 1,
    ...{ audit, keeper, metrics },
  })
  cleanup.push(() => watcher.stop())
  const push = (...args: Parameters<typeof block>) => {
    const made = block(...args)
    for (const node of nodes) node.push(made)
    return made
  }
  return { nodes, audit, keeper, metrics, watcher, push }
}

describe('record of set changes', () => {
  it('should say old and new set, the block, and who agreed; once per change', async () => {
    const { watcher, audit, push, nodes } = await rig(1)
    push('a', 5, UNSET)
    await watcher.start()
    await watcher.readNow()
    push('b', 6, SET_1)
    const one = await watcher.readNow()
    push('c', 7, SET_1)
    await watcher.readNow()
    const at = push('d', 8, SET_2)
    const two = await watcher.readNow()
    if (one.kind !== 'set' || two.kind !== 'set') throw new Error('no set')
    expect(audit.changes).toMatchObject([
      { old: null, new: null },
      { old: null, new: one.set.hash },
      { old: one.set.hash, new: two.set.hash },
    ])
    expect(audit.changes[2]).toEqual({
      atMs: two.readAtMs,
      network: REGISTRY.network,
      contract: REGISTRY.contract,
      old: one.set.hash,
      new: two.set.hash,
      block: { id: at.id, stacksHeight: 8, burnHeight: at.burnHeight },
      endpoints: [nodes[0]?.url],
    })
  })

  it('should not name an endpoint that said something else', async () => {
    const { watcher, audit, push, nodes } = await rig(3)
    const at = push('a', 5, SET_1)
    const [liar, ...honest] = nodes
    liar?.blocks.set(at.id, { ...at, data: SET_2 })
    await watcher.start()
    await watcher.readNow()
    expect(audit.changes.map((c) => c.endpoints)).toEqual([honest.map((n) => n.url)])
  })

  it('should record nothing that was not applied', async () => {
    const { watcher, audit, push } = await rig(1)
    push('a', 5, SET_1)
    await watcher.start()
    await watcher.readNow()
    push('b', 6, signerData({ ...goodTuple(), threshold: 1 }))
    await expect(watcher.readNow()).rejects.toMatchObject({ code: 'invalid_set' })
    expect(audit.lines).toHaveLength(1)
  })

  it('should not record again what the disk already held', async () => {
    const first = await rig(1)
    first.push('a', 5, SET_1)
    await first.watcher.start()
    await first.watcher.readNow()
    await first.watcher.stop()
    const again = await rig(1, first.audit, first.keeper)
    again.push('a', 5, SET_1)
    await again.watcher.start()
    await again.watcher.readNow()
    expect(first.audit.lines).toHaveLength(1)
  })

  it('should apply a change that can not be recorded, count that, and record it in its order later', async () => {
    const { watcher, audit, push, metrics } = await rig(1)
    audit.broken = true
    push('a', 5, SET_1)
    await watcher.start()
    const one = await watcher.readNow()
    expect(watcher.latest()).toBe(one)
    expect(metrics.of('registry_audit_failures_total')).toBe(1)
    audit.broken = false
    push('b', 6, SET_2)
    const two = await watcher.readNow()
    if (one.kind !== 'set' || two.kind !== 'set') throw new Error('no set')
    expect(audit.changes.map((c) => c.new)).toEqual([one.set.hash, two.set.hash])
  })
})
