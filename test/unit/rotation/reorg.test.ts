import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { asPendingId } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import { keepFinishedKey, MAX_KEPT_KEYS } from '../../../src/rotation/kept-keys.ts'
import { memorySpace } from '../../fixtures/space.ts'
import { Federation, type Operator } from './federation.ts'

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
