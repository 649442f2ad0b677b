import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { asPendingId, asSetHash, noMetrics, silentLogger, systemClock } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import { Gate } from '../../../src/gating/index.ts'
import { principalOf, type Snapshot } from '../../../src/registry/index.ts'
import { keepFinishedKey, MAX_KEPT_KEYS } from '../../../src/rotation/kept-keys.ts'
import { SCOPE } from '../../fixtures/sets.ts'
import { memorySpace } from '../../fixtures/space.ts'
import { Federation, type Operator, registryId } from './federation.ts'

const PORTS = { clock: systemClock, logger: silentLogger, metrics: noMetrics }
const WAIT = { timeout: 25_000, interval: 50 }
let fed: Federation
let all: Operator[]
let set: { keys: Operator['publicKey'][]; threshold: number; attempt: number }

const isOver = () => all.every((o) => o.reconciler.status() === undefined)
const restart = async (o: Operator) => {
  await o.reconciler.stop()
  o.reconciler = fed.reconcilerOf(o)
  await o.reconciler.start()
}
const current = () => {
  const { snapshot } = fed.registry
  if (snapshot.kind !== 'set') throw new Error('no set')
  return snapshot.set
}

/** A rotation is in every snapshot, and then its block and its transaction are gone. */
beforeEach(async () => {
  fed = new Federation()
  all = [...fed.founders]
  for (const o of all) await o.reconciler.start()
  await expect.poll(() => fed.registry.snapshot.kind, WAIT).toBe('set')
  await expect.poll(isOver, WAIT).toBe(true)
  const incoming = fed.operator(KeyPair.generate())
  await incoming.reconciler.start()
  all.push(incoming)
  const keys = [...fed.founders.slice(0, 2), incoming].map((o) => o.publicKey).toSorted()
  set = { keys, threshold: 2, attempt: 1 }
})
afterEach(async () => {
  vi.restoreAllMocks()
  for (const o of all) await o.reconciler.stop()
})

const rotatedAndTakenBack = async () => {
  const before = fed.registry.snapshot
  const { principal } = current()
  for (const o of all) await o.reconciler.approve(set)
  await expect.poll(() => fed.registry.snapshot, WAIT).not.toBe(before)
  await expect.poll(isOver, WAIT).toBe(true)
  const { aggregateKey } = current()
  fed.registry.forget(before, principal)
  expect(current().aggregateKey).not.toBe(aggregateKey)
  return aggregateKey
}

/** Whoever holds the key already needs nobody else's approval: the rotation can be over before the last one comes. */
const approvedAgain = async () => {
  const expectedId = all[0]?.reconciler.preview(set).id
  const late = (error: unknown) => expect(error).toMatchObject({ code: 'PENDING_ID_CHANGED' })
  for (const o of all) await o.reconciler.approve(set, { expectedId }).catch(late)
}

describe('R29: a reorg that takes back a rotation that was over', () => {
  it('R29: should leave a set that rotates with the key that was made, when it is approved again', async () => {
    const aggregateKey = await rotatedAndTakenBack()
    await approvedAgain()
    await expect.poll(() => fed.registry.sent.length, WAIT).toBe(3)
    await expect.poll(isOver, WAIT).toBe(true)
    expect(current().aggregateKey).toBe(aggregateKey)
    expect(fed.registry.sent.map((plan) => plan.nonce)).toEqual([0, 1, 1])
  })

  it('R29: should do so after a restart of everybody', async () => {
    const aggregateKey = await rotatedAndTakenBack()
    for (const o of all) await restart(o)
    await approvedAgain()
    await expect.poll(() => fed.registry.sent.length, WAIT).toBe(3)
    expect(fed.registry.sent.at(-1)?.call.newAggregateKey).toBe(aggregateKey)
  })

  it('R29: should refuse another set at that nonce, and name the one that must come first', async () => {
    await rotatedAndTakenBack()
    const signers: Operator[] = []
    for (const o of fed.founders) {
      const records = await o.cosigned.entries()
      if (records.some(([key]) => key.endsWith('/1'))) signers.push(o)
    }
    expect(signers.length).toBeGreaterThanOrEqual(2)
    for (const o of signers) {
      const { id } = o.reconciler.preview(set)
      await expect(o.reconciler.approve({ ...set, attempt: 2 })).rejects.toMatchObject({
        code: 'NONCE_TAKEN',
        data: { nonce: 1, pendingId: id, attempt: 1 },
      })
      expect(o.reconciler.status()).toBeUndefined()
      expect(await o.approvals.entries()).toEqual([])
    }
  })

  it('R29: should not keep another set from a nonce that is free', async () => {
    await rotatedAndTakenBack()
    // The same transaction was mined after all, and had no effect.
    fed.registry.nonces.set(current().principal, 2)
    const other = { ...set, attempt: 2 }
    for (const o of all) await o.reconciler.approve(other)
    await expect.poll(() => fed.registry.sent.length, WAIT).toBe(3)
    expect(fed.registry.sent.at(-1)?.nonce).toBe(2)
  })
})

describe('R6, R7: a reorg while a child of the set is approved', () => {
  const other = (): Snapshot =>
    ({ ...fed.registry.snapshot, set: { ...current(), hash: asSetHash('99'.repeat(32)) } }) as Snapshot

  it('R6: should have the first set made again, where its rotate-keys is taken back', async () => {
    const { deployer } = { deployer: principalOf(registryId.chainId, fed.bootstrap.keys, fed.bootstrap.threshold) }
    const { aggregateKey } = current()
    const before: Snapshot = { kind: 'uninitialised', deployer, tip: fed.registry.snapshot.tip, readAtMs: 0 }
    for (const o of fed.founders) await o.reconciler.approve(set)
    fed.registry.forget(before, deployer)
    await expect.poll(() => fed.registry.snapshot.kind, WAIT).toBe('set')
    expect(current().aggregateKey).toBe(aggregateKey)
    await expect.poll(isOver, WAIT).toBe(true)
    for (const o of fed.founders) expect(await o.approvals.entries()).toEqual([])
  })

  it('R7: should end the child though its parent is back before anybody looked, as it ends at the gate', async () => {
    const [one] = fed.founders as readonly [Operator]
    await one.reconciler.approve(set)
    const gate = new Gate({ self: one.publicKey, bridges: [], denied: [], registryScope: SCOPE, ...PORTS })
    const back = fed.registry.snapshot
    gate.applySnapshot(back)
    const pending = one.pending.at(-1)
    if (pending === undefined) throw new Error('nothing is pending')
    gate.applyPending({ id: pending.id, keys: pending.keys, threshold: pending.threshold })
    for (const snapshot of [other(), back]) gate.applySnapshot(snapshot)
    expect(gate.state.pending).toBeUndefined()
    fed.registry.flicker(other(), back)
    await expect.poll(() => one.reconciler.status(), WAIT).toBeUndefined()
    expect(one.pending.at(-1)).toBeUndefined()
    expect(await one.approvals.entries()).toEqual([])
  })

  /** In the midst of a look, and with no look between that and what the operator says next. */
  const flickersDuringLook = async (one: Operator) => {
    await new Promise((resolve) => setImmediate(resolve))
    const back = fed.registry.snapshot
    let asked = 0
    // A look asks once before it looks at the pending set, and once when it has.
    vi.spyOn(fed.registry, 'stale', 'get').mockImplementation(() => {
      if (++asked === 2) fed.registry.flicker(other(), back)
      return false
    })
    one.reconciler.poke()
  }

  it('R7: should have what is approved anew stand, whatever ended a moment before', async () => {
    const [one] = fed.founders as readonly [Operator]
    await one.reconciler.approve(set)
    const told = one.pending.length
    await flickersDuringLook(one)
    await one.reconciler.approve(set)
    expect(one.pending.slice(told).map((p) => p?.attempt)).toEqual([undefined, 1])
    expect(one.reconciler.status()?.spec.attempt).toBe(1)
    await expect(one.reconciler.handOver([])).resolves.toMatchObject({ attempt: 1 })
    expect(await one.approvals.entries()).toHaveLength(1)
  })

  it('R7: should let nothing be listed for what ended a moment before', async () => {
    const [one] = fed.founders as readonly [Operator]
    await one.reconciler.approve(set)
    await flickersDuringLook(one)
    await expect(one.reconciler.handOver([])).rejects.toMatchObject({ code: 'NO_ROTATION' })
  })

  it('R7: should not be approved once more while it ends', async () => {
    const [one] = fed.founders as readonly [Operator]
    await one.reconciler.approve(set)
    const back = fed.registry.snapshot
    const put = one.approvals.put.bind(one.approvals)
    vi.spyOn(one.approvals, 'put').mockImplementationOnce(async (key, value) => {
      await put(key, value)
      fed.registry.flicker(other(), back)
    })
    fed.skewMs = 1_000
    await expect(one.reconciler.approve(set)).rejects.toMatchObject({ code: 'PENDING_ID_CHANGED' })
    await expect.poll(() => one.reconciler.status(), WAIT).toBeUndefined()
    expect(await one.approvals.entries()).toEqual([])
  })
})

describe('R29: a restart with a transaction on its way', () => {
  it('R29: should not let its set be replaced by one that can have no nonce', async () => {
    fed.registry.stalled = true
    for (const o of all) await o.reconciler.approve(set)
    const [first] = fed.founders as readonly [Operator]
    await expect.poll(async () => (await first.cosigned.entries()).some(([key]) => key.endsWith('/1')), WAIT).toBe(true)
    await restart(first)
    const another = first.reconciler.approve({ ...set, attempt: 2 }, { replace: true })
    await expect(another).rejects.toMatchObject({ code: expect.stringMatching(/^(NONCE_TAKEN|ROTATION_COSIGNED)$/) })
    expect(first.reconciler.status()?.spec.attempt).toBe(1)
  })
})

describe('finished keys', () => {
  it('should be kept in a bounded number, the newest ones', async () => {
    const space = memorySpace()
    const ids = Array.from({ length: MAX_KEPT_KEYS + 2 }, (_, i) => asPendingId(i.toString(16).padStart(64, '0')))
    for (const id of ids) {
      await space.put(id, new Uint8Array([1]))
      await keepFinishedKey(space, id)
      // Over once more, after a reorg.
      await keepFinishedKey(space, ids[0] ?? id)
    }
    const left = (await space.entries()).map(([key]) => key).filter((key) => key.length === 64)
    expect(left).toEqual([ids[0], ...ids.slice(3)])
  })
})
