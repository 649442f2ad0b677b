import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { KeyPair } from '../../src/curve/index.ts'
import { encodeKeygen } from '../../src/rounds/keygen/codec.ts'
import { keygenStep, newKeygen } from '../../src/rounds/keygen/index.ts'
import { Federation, type Operator } from '../unit/rotation/federation.ts'

const WAIT = { timeout: 25_000, interval: 50 }
let fed: Federation
let members: Operator[]
let first: Operator
let others: Operator[]
const set = () => ({ keys: members.map((o) => o.publicKey).toSorted(), threshold: 2, attempt: 1 })

beforeEach(async () => {
  fed = new Federation()
  for (const o of fed.founders) await o.reconciler.start()
  await expect.poll(() => fed.registry.snapshot.kind, WAIT).toBe('set')
  await expect.poll(() => fed.founders.every((o) => o.reconciler.status() === undefined), WAIT).toBe(true)
  const incoming = fed.operator(KeyPair.generate())
  await incoming.reconciler.start()
  members = [...fed.founders.slice(0, 2), incoming]
  first = members[0] as Operator
  others = members.slice(1)
})
afterEach(async () => {
  for (const o of [...fed.founders, ...members]) await o.reconciler.stop()
})

/** The pending set that all are asked about; nobody has approved it by this. */
const spec = () => first.reconciler.preview(set())
const topic = () => ({ network: fed.registryId.network, scope: spec().id, purpose: 'keygen' }) as const
const saidBy = (o: Operator) => fed.bus.gossiped.filter((e) => e.author === o.publicKey && e.round === spec().id)
/** A well-formed opening of an attempt, as a member with its own software says it to one other. */
function openTo(victim: Operator, by: Operator, attempt: number): void {
  const { id, keys, threshold } = spec()
  const about = { network: topic().network, pendingId: id, members: keys, threshold, attempt, epoch: 0 } as const
  const said = keygenStep(newKeygen({ ...about, self: by.publicKey }), { kind: 'start' }).effects[0]
  if (said?.kind !== 'publish') throw new Error('nothing said')
  fed.bus.speak(by.key, topic(), said.utterance, victim.publicKey)
}

/** sBTC #1114: the coordinator could make everybody run a keygen, as often as it liked. */
describe('incident 16: keygen at the will of one member', () => {
  it('R7: should not begin on a node whose operator approved nothing, whatever the others say', async () => {
    for (const o of [...others, ...fed.founders.slice(2)]) await o.reconciler.approve(set())
    for (let attempt = 1; attempt <= 20; attempt++) for (const o of others) openTo(first, o, attempt)
    const waits = () => others.map((o) => o.reconciler.status()?.action)
    await expect.poll(waits, WAIT).toMatchObject(others.map(() => ({ for: 'approvals', missing: [first.publicKey] })))
    expect(first.reconciler.status()).toBeUndefined()
    expect(saidBy(first)).toEqual([])
    expect(first.vault.list().every((s) => s.key.public.members.join() !== spec().keys.join())).toBe(true)
    for (const o of others) expect(saidBy(o).some((e) => e.step === 'open')).toBe(false)
  })

  it('R7: should not begin for one’s own approval alone: not while another operator has not given his', async () => {
    await first.reconciler.approve(set())
    for (let attempt = 1; attempt <= 20; attempt++) for (const o of others) openTo(first, o, attempt)
    await expect.poll(() => saidBy(first).length, WAIT).toBeGreaterThan(1)
    expect(first.reconciler.status()?.keygen).toMatchObject({ phase: 'idle', attempt: 0 })
    expect(saidBy(first).some((e) => e.step === 'open')).toBe(false)
  })

  it('R7: should not be begun anew by who asks for it once the key is made', async () => {
    fed.registry.stalled = true
    for (const o of members) await o.reconciler.approve(set())
    await expect.poll(() => members.every((o) => o.reconciler.status()?.keygen.phase === 'done'), WAIT).toBe(true)
    const opened = saidBy(first).filter((e) => e.step === 'open').length
    const complaint = encodeKeygen('complaint', { accused: undefined, code: 'transcript_mismatch' })
    for (let attempt = 1; attempt <= 20; attempt++)
      for (const o of others) {
        openTo(first, o, attempt)
        const about = { round: spec().id, attempt, step: 'complaint', payload: complaint }
        fed.bus.speak(o.key, topic(), about, first.publicKey)
      }
    await expect.poll(() => first.reconciler.status()?.action.kind, WAIT).toBe('wait')
    expect(first.reconciler.status()?.keygen).toMatchObject({ phase: 'done', attempt: 1 })
    expect(saidBy(first).filter((e) => e.step === 'open')).toHaveLength(opened)
  })
})
