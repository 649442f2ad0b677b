import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PendingId } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import { loadAttemptLog } from '../../../src/rotation/attempt-log.ts'
import { encodeKeygen } from '../../../src/rounds/keygen/codec.ts'
import type { Space } from '../../../src/store/index.ts'
import { memorySpace } from '../../fixtures/space.ts'
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

const pendingOf = (o: Operator): PendingId => o.pending.findLast((spec) => spec !== undefined)?.id as PendingId
const recordOf = async (o: Operator) => (await loadAttemptLog(o.proposals, pendingOf(o))).last
/** A new process on the same disk; `change` is what happens meanwhile. */
const restart = async (o: Operator, change: () => void = () => {}) => {
  await o.reconciler.stop()
  fed.bus.boot++
  change()
  o.reconciler = fed.reconcilerOf(o)
  await o.reconciler.start()
}
const said = (o: Operator, step: string) =>
  fed.bus.gossiped.filter((e) => e.author === o.publicKey && e.step === step && e.round === pendingOf(o))
const newShares = () =>
  members.map((o) => o.vault.list().filter((s) => s.key.public.members.includes(members[2]?.publicKey ?? o.publicKey)))
const approveAll = async () => {
  for (const o of members) await o.reconciler.approve(set())
}
const isOver = () => expect.poll(() => fed.registry.sent.length, WAIT).toBe(2)
/** One key for all, certified, and not a share too many. */
const expectOneKey = () => {
  expect(newShares().map((shares) => shares.length)).toEqual([1, 1, 1])
  expect(new Set(newShares().map(([s]) => s?.transcript)).size).toBe(1)
  expect(newShares().every(([s]) => s !== undefined && s.certificate.length > 0)).toBe(true)
}

describe('R20: a member that restarts in keygen', () => {
  it.each(['confirm', 'trial'])(
    'R20: should finish the transcript it has staged, killed as it says its %s',
    async (step) => {
      let killed: Promise<void> | undefined
      fed.bus.meddle = (e) => {
        if (e.step !== step || e.author !== first.publicKey || e.boot !== 1) return 'pass'
        killed ??= restart(first)
        return 'lose'
      }
      await approveAll()
      await isOver()
      await killed
      expectOneKey()
      expect(said(first, 'open').map((e) => e.attempt)).toEqual([1])
    },
  )

  it('R20: should finish it though all its members restart, one after the other', async () => {
    // Nobody's trial share arrives until all have come back once.
    fed.bus.meddle = (e) => (e.boot === 1 && e.step.startsWith('trial') ? 'lose' : 'pass')
    await approveAll()
    for (const o of members) {
      await expect.poll(() => recordOf(o).then((r) => r?.certified), WAIT).toBe(true)
      await restart(o)
    }
    await isOver()
    expectOneKey()
  })

  it('R25: should commit to fresh nonces, and the others with it', async () => {
    fed.bus.meddle = (e) => (e.boot === 1 && e.step === 'trial' && e.author === first.publicKey ? 'lose' : 'pass')
    await approveAll()
    await expect.poll(() => recordOf(first).then((r) => r?.certified), WAIT).toBe(true)
    await expect.poll(() => said(members[1] as Operator, 'trial').length, WAIT).toBeGreaterThan(0)
    await restart(first)
    await isOver()
    expectOneKey()
    for (const o of members) {
      const trials = fed.bus.gossiped.filter(
        (e) => e.author === o.publicKey && e.step.startsWith('trial') && e.round === pendingOf(o),
      )
      // One payload per slot (R16): nothing that was said once is said otherwise.
      const slots = Map.groupBy(trials, (e) => `${e.boot} ${e.step}`)
      for (const [slot, all] of slots) expect(new Set(all.map((e) => String(e.payload))).size, slot).toBe(1)
    }
  })

  it('R16: should say nothing else in the same slots, withdrawn and approved again within one process', async () => {
    // Nobody hears the last member's confirm, so that the others stay where they are.
    fed.bus.meddle = (e) => (e.author === members[2]?.publicKey && e.step === 'confirm' ? 'lose' : 'pass')
    await approveAll()
    await expect.poll(() => said(first, 'confirm').length, WAIT).toBeGreaterThan(0)
    const id = pendingOf(first)
    await first.reconciler.approve({ ...set(), attempt: 2 }, { replace: true })
    await first.reconciler.approve(set(), { replace: true })
    expect(pendingOf(first)).toBe(id)
    const before = said(first, 'confirm').length
    await expect.poll(() => said(first, 'confirm').length, WAIT).toBeGreaterThan(before)
    fed.bus.meddle = () => 'pass'
    await isOver()
    expectOneKey()
    const own = fed.bus.gossiped.filter((e) => e.author === first.publicKey && e.round === id && e.attempt > 0)
    for (const [slot, all] of Map.groupBy(own, (e) => `${e.attempt} ${e.step}`))
      expect(new Set(all.map((e) => String(e.payload))).size, slot).toBe(1)
  })

  it('R16: should not confirm again in an attempt that it gave up within the same process', async () => {
    const other = members[1] as Operator
    const last = members[2] as Operator
    const id = () => pendingOf(first)
    let complaints = 0
    fed.bus.meddle = (e, to) => {
      if (e.step === 'confirm' && e.author === first.publicKey && e.attempt === 1 && complaints++ === 0) {
        const payload = encodeKeygen('complaint', { accused: undefined, code: 'transcript_mismatch' })
        const topic = { network: e.topic.network, scope: id(), purpose: 'keygen' } as const
        for (const o of [first, other])
          fed.bus.speak(last.key, topic, { round: id(), attempt: 1, step: 'complaint', payload }, o.publicKey)
      }
      // Nobody has heard all of them.
      const isOfLast = e.author === last.publicKey || to === last.publicKey
      return isOfLast && e.step === 'confirm' && e.attempt === 1 ? 'lose' : 'pass'
    }
    await approveAll()
    await expect.poll(() => first.reconciler.status()?.keygen.lastFailure?.reason, WAIT).toMatch(/complaint/)
    await first.reconciler.approve({ ...set(), attempt: 2 }, { replace: true })
    await first.reconciler.approve(set(), { replace: true })
    await isOver()
    expect(newShares().map((shares) => shares.filter((s) => s.certificate.length > 0).length)).toEqual([1, 1, 1])
    const own = fed.bus.gossiped.filter((e) => e.author === first.publicKey && e.round === id() && e.attempt > 0)
    expect(own.some((e) => e.step === 'confirm' && e.attempt === 1)).toBe(true)
    for (const [slot, all] of Map.groupBy(own, (e) => `${e.attempt} ${e.step}`))
      expect(new Set(all.map((e) => String(e.payload))).size, slot).toBe(1)
  })

  it('R20: should begin the next attempt, never the same, if it has staged nothing', async () => {
    let killed: Promise<void> | undefined
    fed.bus.meddle = (e) => {
      if (e.step === 'deal' && e.author === first.publicKey && e.boot === 1) killed ??= restart(first)
      return 'pass'
    }
    await approveAll()
    await isOver()
    await killed
    const attempts = said(first, 'open').map((e) => `${e.attempt} ${e.boot}`)
    expect(new Set(attempts).size).toBe(new Set(said(first, 'open').map((e) => e.attempt)).size)
    expect(newShares().every((shares) => shares.filter((s) => s.certificate.length > 0).length === 1)).toBe(true)
  })

  it('R20: should make no second key if the staged share of a confirmed one is gone', async () => {
    fed.bus.meddle = (e) => (e.step.startsWith('trial') ? 'lose' : 'pass')
    await approveAll()
    await expect.poll(() => recordOf(first).then((r) => r?.certified), WAIT).toBe(true)
    const { staged } = (await recordOf(first)) ?? {}
    await restart(first, () => {
      if (staged !== undefined) first.vault.shares.delete(staged)
    })
    await expect.poll(() => first.reconciler.status()?.keygen.phase, WAIT).toBe('failed')
    expect(first.reconciler.status()?.keygen.lastFailure?.reason).toMatch(/share .* gone/)
    expect(said(first, 'open').map((e) => e.attempt)).toEqual([1])
  })

  it('R20: should take over a key that the others have proven meanwhile', async () => {
    fed.bus.meddle = (e, to) =>
      to === first.publicKey && (e.step.startsWith('trial') || e.step === 'proposal') ? 'lose' : 'pass'
    await approveAll()
    await expect.poll(() => members[1]?.reconciler.status()?.keygen.phase, WAIT).toBe('done')
    await restart(first)
    fed.bus.meddle = () => 'pass'
    await isOver()
    expectOneKey()
  })

  it('R20: should say its trial share only when it is on disk that all have confirmed', async () => {
    const { put } = first.proposals
    const broken: Space = {
      ...first.proposals,
      put: async (key, value) => {
        if (new TextDecoder().decode(value).includes('"certified":true')) throw new Error('the disk is full')
        await put(key, value)
      },
    }
    await first.reconciler.stop()
    first.reconciler = fed.reconcilerOf({ ...first, proposals: broken })
    await first.reconciler.start()
    await approveAll()
    const says = (o: Operator | undefined) => o !== undefined && said(o, 'trial').length > 0
    await expect.poll(() => says(members[1]) && says(members[2]), WAIT).toBe(true)
    expect(says(first)).toBe(false)
  })

  it('R20: should confirm only what its record names, too', async () => {
    const { put } = first.proposals
    const broken: Space = {
      ...first.proposals,
      put: async (key, value) => {
        if (new TextDecoder().decode(value).includes('"staged"')) throw new Error('the disk is full')
        await put(key, value)
      },
    }
    await first.reconciler.stop()
    first.reconciler = fed.reconcilerOf({ ...first, proposals: broken })
    await first.reconciler.start()
    await approveAll()
    await expect.poll(() => said(members[1] as Operator, 'confirm').length, WAIT).toBeGreaterThan(0)
    await expect.poll(() => newShares()[0]?.length, WAIT).toBe(1)
    expect(said(first, 'confirm')).toEqual([])
  })
})

describe('the record of an attempt', () => {
  const id = '55'.repeat(32) as PendingId
  it('should be what was saved last, whatever the disk takes its time for', async () => {
    const space = memorySpace()
    const log = await loadAttemptLog(space, id)
    expect(log.last).toBeUndefined()
    await Promise.all([
      log.save({ attempt: 1, certified: false }),
      log.save({ attempt: 1, staged: '66'.repeat(32) as never, certified: true }),
    ])
    expect((await loadAttemptLog(space, id)).last).toEqual({ attempt: 1, staged: '66'.repeat(32), certified: true })
  })

  it.each(['', 'nonsense', '{}', '{"attempt":"1","certified":true}', '{"attempt":1,"certified":true,"staged":"xy"}'])(
    'should be refused if it is malformed: %s',
    async (text) => {
      const space = memorySpace()
      await space.put(`${id}/attempt`, new TextEncoder().encode(text))
      await expect(loadAttemptLog(space, id)).rejects.toMatchObject({ code: 'STORE_UNREADABLE' })
    },
  )
})
