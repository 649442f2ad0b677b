import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { KeyPair } from '../../../src/curve/index.ts'
import { requireSuccession } from '../../../src/rotation/next-key.ts'
import { MemoryVault } from '../../fixtures/vault.ts'
import { Federation, type Operator } from './federation.ts'

const WAIT = { timeout: 25_000, interval: 50 }
let fed: Federation
let all: Operator[]
let mover: Operator
let staying: Operator[]

/** A founder starts again with a next key in its config. */
const withNext = async (o: Operator): Promise<Operator> => {
  await o.reconciler.stop()
  o.next = { key: KeyPair.generate(), vault: new MemoryVault() }
  o.reconciler = fed.reconcilerOf(o)
  await o.reconciler.start()
  return o
}
const nextOf = (o: Operator) => {
  if (o.next === undefined) throw new Error('no next key')
  return { vault: o.next.vault, publicKey: o.next.key.publicKey }
}
const setOf = (...keys: readonly string[]) => ({ keys: keys.toSorted() as never[], threshold: 2, attempt: 1 })

beforeEach(async () => {
  fed = new Federation()
  all = [...fed.founders]
  for (const o of fed.founders) await o.reconciler.start()
  await expect.poll(() => fed.registry.snapshot.kind, WAIT).toBe('set')
  await expect.poll(() => fed.founders.every((o) => o.reconciler.status() === undefined), WAIT).toBe(true)
  mover = await withNext(fed.founders[0] as Operator)
  staying = fed.founders.slice(1)
})
afterEach(async () => {
  for (const o of all) await o.reconciler.stop()
})

const moved = () => setOf(nextOf(mover).publicKey, ...staying.map((o) => o.publicKey))
const rotates = async () => {
  await expect.poll(() => fed.registry.sent.length, WAIT).toBe(2)
  const { snapshot } = fed.registry
  if (snapshot.kind !== 'set') throw new Error('no set')
  return snapshot.set
}

describe('R7: a rotation that replaces a key of a member by its next one', () => {
  it('R7: should need one approval of its operator, and end with a certified share of the next key', async () => {
    for (const o of fed.founders) await o.reconciler.approve(moved())
    const set = await rotates()
    expect(set.keys).toEqual(moved().keys)
    const share = nextOf(mover).vault.byGroupKey(set.groupKey)
    expect(share?.key.owner).toBe(nextOf(mover).publicKey)
    expect(mover.vault.byGroupKey(set.groupKey)).toBeUndefined()
    for (const o of staying) expect(o.vault.byGroupKey(set.groupKey)?.transcript).toBe(share?.transcript)
  })

  it('R29: should be co-signed with the old key, where the others alone are too few', async () => {
    const [second, third] = staying as [Operator, Operator]
    // The third agrees to the key and then says nothing of the transaction.
    fed.bus.meddle = (e) => (e.step === 'cosign' && e.author === third.publicKey ? 'lose' : 'pass')
    for (const o of [mover, second, third]) await o.reconciler.approve(moved())
    await rotates()
    const authors = new Set(
      fed.bus.gossiped
        .filter(
          (e) =>
            e.step === 'cosign' && e.round === mover.pending.find((p) => p?.keys.includes(nextOf(mover).publicKey))?.id,
        )
        .map((e) => e.author),
    )
    expect(authors).toContain(mover.publicKey)
    expect(authors).not.toContain(nextOf(mover).publicKey)
  })

  it('R7: should work for two members at once', async () => {
    const second = await withNext(staying[0] as Operator)
    const set = setOf(nextOf(mover).publicKey, nextOf(second).publicKey, staying[1]?.publicKey ?? '')
    for (const o of fed.founders) await o.reconciler.approve(set)
    const { groupKey } = await rotates()
    for (const o of [mover, second]) expect(nextOf(o).vault.byGroupKey(groupKey)).toBeDefined()
  })

  it('R7: should work while a newcomer joins', async () => {
    const incoming = fed.operator(KeyPair.generate())
    all.push(incoming)
    await incoming.reconciler.start()
    const set = setOf(nextOf(mover).publicKey, staying[0]?.publicKey ?? '', incoming.publicKey)
    for (const o of [mover, ...staying, incoming]) await o.reconciler.approve(set)
    const { groupKey } = await rotates()
    expect(incoming.vault.byGroupKey(groupKey)).toBeDefined()
    expect(nextOf(mover).vault.byGroupKey(groupKey)).toBeDefined()
  })

  it('R7: should go on after the member restarted in the midst of it', async () => {
    for (const o of [mover, staying[0] as Operator]) await o.reconciler.approve(moved())
    await mover.reconciler.stop()
    mover.reconciler = fed.reconcilerOf(mover)
    await mover.reconciler.start()
    await staying[1]?.reconciler.approve(moved())
    expect((await rotates()).keys).toContain(nextOf(mover).publicKey)
  })

  it('R7: should forget every statement with the pending set', async () => {
    // Not before it was looked at: a rotation may be over between two looks.
    fed.bus.meddle = (e) => (e.step === 'cosign' ? 'lose' : 'pass')
    for (const o of fed.founders) await o.reconciler.approve(moved())
    await expect.poll(() => fed.bus.carriers.size, WAIT).toBe(2)
    fed.bus.meddle = () => 'pass'
    await rotates()
    await expect.poll(() => fed.founders.every((o) => o.reconciler.status() === undefined), WAIT).toBe(true)
    expect(fed.bus.carriers.size).toBe(0)
  })

  it('should carry nobody where the set does not name the next key', async () => {
    const incoming = fed.operator(KeyPair.generate())
    all.push(incoming)
    await incoming.reconciler.start()
    const set = setOf(mover.publicKey, staying[0]?.publicKey ?? '', incoming.publicKey)
    for (const o of [mover, staying[0] as Operator, incoming]) await o.reconciler.approve(set)
    const { groupKey } = await rotates()
    expect(mover.vault.byGroupKey(groupKey)).toBeDefined()
    expect(nextOf(mover).vault.list()).toEqual([])
    expect(fed.bus.gossiped.filter((e) => e.step === 'carrier')).toEqual([])
  })

  it('should refuse a set with both keys of one operator', async () => {
    const set = setOf(mover.publicKey, nextOf(mover).publicKey, staying[0]?.publicKey ?? '')
    expect(() => mover.reconciler.preview(set)).toThrow(expect.objectContaining({ code: 'NEXT_KEY_BESIDE_OLD' }))
    await expect(mover.reconciler.approve(set)).rejects.toMatchObject({ code: 'NEXT_KEY_BESIDE_OLD' })
  })

  it('should refuse a next key where the own one is in no set', async () => {
    const outsider = fed.operator(KeyPair.generate())
    all.push(outsider)
    await withNext(outsider)
    const set = setOf(nextOf(outsider).publicKey, ...staying.map((o) => o.publicKey))
    await expect(outsider.reconciler.approve(set)).rejects.toMatchObject({ code: 'NEXT_KEY_WITHOUT_OLD' })
  })
})

it('R7: should bring no next key into the first set, where no member of a current set vouches for it', async () => {
  const next = nextOf(mover).publicKey
  const spec = mover.reconciler.preview(moved())
  expect(() => requireSuccession(spec, mover.publicKey, next, 'set')).not.toThrow()
  expect(() => requireSuccession(spec, mover.publicKey, next, 'uninitialised')).toThrow(/only a member of the current/)
})
