import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { KeyPair } from '../../../src/curve/index.ts'
import type { Space } from '../../../src/store/index.ts'
import { Federation, type Operator } from './federation.ts'

const WAIT = { timeout: 25_000, interval: 50 }
let fed: Federation
let members: Operator[]
let first: Operator
const set = () => ({ keys: members.map((o) => o.publicKey).toSorted(), threshold: 2, attempt: 1 })

beforeEach(async () => {
  fed = new Federation()
  for (const o of fed.founders) await o.reconciler.start()
  await expect.poll(() => fed.founders.every((o) => o.reconciler.status() === undefined), WAIT).toBe(true)
  await expect.poll(() => fed.registry.snapshot.kind, WAIT).toBe('set')
  const incoming = fed.operator(KeyPair.generate())
  await incoming.reconciler.start()
  members = [...fed.founders.slice(0, 2), incoming]
  first = members[0] as Operator
})
afterEach(async () => {
  for (const o of [...fed.founders, ...members]) await o.reconciler.stop()
})

const isMarked = async (o: Operator) => (await o.proposals.entries()).some(([key]) => key.endsWith('/confirmed'))
const restart = async (o: Operator) => {
  await o.reconciler.stop()
  o.reconciler = fed.reconcilerOf(o)
  await o.reconciler.start()
}
const opens = (o: Operator) =>
  fed.bus.gossiped.filter((e) => e.author === o.publicKey && e.step === 'open' && e.round === o.pending.at(-1)?.id)

describe('R20: a key that all members have confirmed', () => {
  it('R20: should keep a restarted member from making a second key under the same pending id', async () => {
    fed.bus.meddle = (e) => (e.step === 'trial' ? 'lose' : 'pass')
    for (const o of members) await o.reconciler.approve(set())
    await expect.poll(() => isMarked(first), WAIT).toBe(true)
    await restart(first)
    await expect.poll(() => first.reconciler.status()?.keygen.phase, WAIT).toBe('failed')
    expect(first.reconciler.status()?.keygen.lastFailure?.reason).toMatch(/restarted/)
    const before = opens(first).length
    // Everybody's approval is heard again, which is what starts a keygen.
    await expect.poll(() => first.reconciler.status()?.approved.length, WAIT).toBe(3)
    await expect.poll(() => first.reconciler.status()?.action, WAIT).toMatchObject({ for: 'keygen' })
    expect(opens(first)).toHaveLength(before)
    expect(first.vault.list().filter((s) => s.certificate.length === 0)).toHaveLength(1)
  })

  it('R20: should be taken over by a member that restarted after its confirmation', async () => {
    fed.bus.meddle = (e, to) =>
      to === first.publicKey && (e.step === 'trial' || e.step === 'proposal') ? 'lose' : 'pass'
    for (const o of members) await o.reconciler.approve(set())
    await expect.poll(() => members[1]?.reconciler.status()?.keygen.phase, WAIT).toBe('done')
    expect(await isMarked(first)).toBe(true)
    await restart(first)
    fed.bus.meddle = () => 'pass'
    await expect.poll(() => fed.registry.sent.length, WAIT).toBe(2)
    const keys = members.map((o) =>
      o.vault.list().find((s) => s.key.public.members.includes(members[2]?.publicKey ?? first.publicKey)),
    )
    expect(new Set(keys.map((s) => s?.transcript)).size).toBe(1)
    expect(keys.every((s) => s !== undefined && s.certificate.length > 0)).toBe(true)
  })

  it('R20: should be marked on disk before the trial share is said', async () => {
    const { put } = first.proposals
    const broken: Space = {
      ...first.proposals,
      put: async (key, value) => {
        if (key.endsWith('/confirmed')) throw new Error('the disk is full')
        await put(key, value)
      },
    }
    await first.reconciler.stop()
    first.reconciler = fed.reconcilerOf({ ...first, proposals: broken })
    await first.reconciler.start()
    for (const o of members) await o.reconciler.approve(set())
    const says = (o: Operator | undefined) =>
      fed.bus.gossiped.some((e) => e.author === o?.publicKey && e.step === 'trial' && e.round === o.pending.at(-1)?.id)
    await expect.poll(() => says(members[1]) && says(members[2]), WAIT).toBe(true)
    expect(says(first)).toBe(false)
  })

  it('should be forgotten with its pending set', async () => {
    for (const o of members) await o.reconciler.approve(set())
    await expect.poll(() => first.reconciler.status(), WAIT).toBeUndefined()
    await expect.poll(() => isMarked(first), WAIT).toBe(false)
  })
})
