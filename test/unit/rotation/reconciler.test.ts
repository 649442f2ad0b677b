import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { asPendingId, asSetHash, utf8 } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import { principalOf } from '../../../src/registry/index.ts'
import { loadApproval } from '../../../src/rotation/approval.ts'
import { NonceGuard } from '../../../src/rotation/cosign-guard.ts'
import { EXPIRY_PATIENCE_MS, TX_PATIENCE_MS } from '../../../src/rotation/decide.ts'
import { decodeProposal, type PendingSpec } from '../../../src/rounds/index.ts'
import { encodeCosignature } from '../../../src/rounds/pending/messages.ts'
import { memorySpace } from '../../fixtures/space.ts'
import { Federation, type Operator, registryId } from './federation.ts'

let fed: Federation
let all: Operator[]
beforeEach(() => {
  fed = new Federation()
  all = [...fed.founders]
})
afterEach(async () => {
  for (const o of all) await o.reconciler.stop()
})

const WAIT = { timeout: 25_000, interval: 50 }
const founded = async (): Promise<void> => {
  for (const o of fed.founders) await o.reconciler.start()
  await expect.poll(() => fed.registry.snapshot.kind, WAIT).toBe('set')
  await expect.poll(() => fed.founders.every((o) => o.reconciler.status() === undefined), WAIT).toBe(true)
}
const newcomer = async (): Promise<Operator> => {
  const o = fed.operator(KeyPair.generate())
  all.push(o)
  await o.reconciler.start()
  return o
}
const replaced = (incoming: Operator) => ({
  keys: [...fed.founders.slice(0, 2).map((o) => o.publicKey), incoming.publicKey].toSorted(),
  threshold: 2,
  attempt: 1,
})
const [first, second, third] = [0, 1, 2].map((i) => () => fed.founders[i] as Operator) as [
  () => Operator,
  () => Operator,
  () => Operator,
]

describe('the first set (R6)', () => {
  it('should be made by the bootstrap signers without anyone being asked', async () => {
    await founded()
    const { snapshot } = fed.registry
    if (snapshot.kind !== 'set') throw new Error('no set')
    for (const o of fed.founders) expect(o.vault.byGroupKey(snapshot.set.groupKey)?.key.owner).toBe(o.publicKey)
    expect(fed.registry.sent).toHaveLength(1)
  })

  it('should tell the gate of the pending set before it says anything, and of its end', async () => {
    await founded()
    for (const o of fed.founders) {
      expect(o.pending[0]?.keys).toEqual(fed.bootstrap.keys)
      expect(o.pending.at(-1)).toBeUndefined()
    }
  })

  it('R6: should not be opened by a node that is no bootstrap signer', async () => {
    const outsider = await newcomer()
    // Runs after its first look.
    const approving = outsider.reconciler.approve({ ...fed.bootstrap, attempt: 1 })
    await expect(approving).rejects.toMatchObject({ code: 'NOT_CONCERNED' })
    expect(outsider.pending).toEqual([])
    expect(outsider.reconciler.status()).toBeUndefined()
  })

  it('should not be tried where the deployer is another account', async () => {
    const stranger = new Federation()
    fed.registry.snapshot = {
      ...fed.registry.snapshot,
      deployer: stranger.registry.snapshot.kind === 'uninitialised' ? stranger.registry.snapshot.deployer : '',
    } as typeof fed.registry.snapshot
    await first().reconciler.start()
    expect(() => first().reconciler.preview({ keys: fed.bootstrap.keys, threshold: 2, attempt: 1 })).toThrow(
      /bootstrap/,
    )
    expect(first().pending).toEqual([])
  })

  it('should send again with the next nonce when a mined transaction had no effect', async () => {
    fed.registry.abortNext = true
    for (const o of fed.founders) await o.reconciler.start()
    await expect.poll(() => fed.registry.sent.length, WAIT).toBe(1)
    expect(fed.registry.snapshot.kind).toBe('uninitialised')
    fed.passedMs = TX_PATIENCE_MS + 1_000
    await expect.poll(() => fed.registry.snapshot.kind, WAIT).toBe('set')
    expect(fed.registry.sent.map((plan) => plan.nonce)).toEqual([0, 1])
  })
})

describe('R4: a chain whose snapshots wait for confirmations', () => {
  const waits = () => fed.founders.every((o) => o.reconciler.status()?.action.kind === 'wait')
  /** Lets patience run out until every member has asked the chain again; one that sent late is patient for longer. */
  const outwaited = async () => {
    const before = new Map(fed.registry.askedBy)
    const askedAgain = () =>
      fed.founders.every(({ publicKey: k }) => (fed.registry.askedBy.get(k) ?? 0) > (before.get(k) ?? 0))
    const patienceEnds = () => {
      fed.passedMs += TX_PATIENCE_MS + 1_000
      return askedAgain()
    }
    await expect.poll(patienceEnds, { ...WAIT, interval: 1_000 }).toBe(true)
    await expect.poll(waits, WAIT).toBe(true)
  }
  const noncesOf = async () => (await first().cosigned.entries()).map(([key]) => key.split('/').at(-1))

  it('R29: should sign nothing at the next nonce while a mined rotation is not deep enough', async () => {
    fed.registry.confirmations = 1
    for (const o of fed.founders) await o.reconciler.start()
    await expect.poll(() => fed.registry.sent.length, WAIT).toBe(1)
    await outwaited()
    await outwaited()
    expect(fed.registry.snapshot.kind).toBe('uninitialised')
    expect(fed.registry.sent.map((plan) => plan.nonce)).toEqual([0])
    expect(await noncesOf()).toEqual(['0'])
    fed.registry.confirm()
    await expect.poll(() => fed.founders.every((o) => o.reconciler.status() === undefined), WAIT).toBe(true)
  })

  it('R29: should wait after a restart as well', async () => {
    fed.registry.confirmations = 1
    for (const o of fed.founders) await o.reconciler.start()
    await expect.poll(() => fed.registry.sent.length, WAIT).toBe(1)
    for (const o of fed.founders) {
      await o.reconciler.stop()
      o.reconciler = fed.reconcilerOf(o)
    }
    for (const o of fed.founders) await o.reconciler.start()
    await outwaited()
    expect(await noncesOf()).toEqual(['0'])
  })

  it('R29: should go on at the same nonce when a reorg takes the rotation back', async () => {
    fed.registry.confirmations = 1
    for (const o of fed.founders) await o.reconciler.start()
    await expect.poll(() => fed.registry.sent.length, WAIT).toBe(1)
    await outwaited()
    fed.registry.reorg(principalOf(registryId.chainId, fed.bootstrap.keys, fed.bootstrap.threshold))
    fed.passedMs += TX_PATIENCE_MS + 1_000
    await expect.poll(() => fed.registry.sent.length, WAIT).toBe(2)
    expect(fed.registry.sent.map((plan) => plan.nonce)).toEqual([0, 0])
    expect(await noncesOf()).toEqual(['0'])
  })
})

describe('a rotation', () => {
  it('should replace a member when all new ones and enough of the current set approved', async () => {
    await founded()
    const incoming = await newcomer()
    const set = replaced(incoming)
    const before = fed.registry.snapshot
    for (const o of [first(), second(), incoming]) await o.reconciler.approve(set)
    await expect.poll(() => fed.registry.snapshot, WAIT).not.toBe(before)
    const { snapshot } = fed.registry
    expect(snapshot.kind === 'set' && snapshot.set.keys).toEqual(set.keys)
    await expect.poll(() => incoming.vault.list().length, WAIT).toBe(1)
    expect(third().vault.list()).toHaveLength(1)
  })

  it('should wait, and say for whom, while a new member has not approved', async () => {
    await founded()
    const incoming = await newcomer()
    for (const o of fed.founders) await o.reconciler.approve(replaced(incoming))
    await expect
      .poll(() => first().reconciler.status()?.action, WAIT)
      .toEqual({ kind: 'wait', for: 'approvals', missing: [incoming.publicKey] })
    expect(fed.registry.sent).toHaveLength(1)
  })

  it('R29: should not let a member that did not approve be counted among the co-signers', async () => {
    await founded()
    const incoming = await newcomer()
    const set = { keys: [first().publicKey, incoming.publicKey].toSorted(), threshold: 2, attempt: 1 }
    for (const o of [first(), incoming]) await o.reconciler.approve(set)
    await expect.poll(() => first().reconciler.status()?.action.kind, WAIT).toBe('wait')
    const { action } = first().reconciler.status() ?? {}
    expect(action?.kind === 'wait' && action.missing).toContain(second().publicKey)
    expect(fed.registry.sent).toHaveLength(1)
  })

  it('R7: should tell nobody of a pending set whose parent went while the disk was read', async () => {
    await founded()
    const { proposals } = first()
    const read = proposals.get
    const [reached, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    proposals.get = async (key) => {
      reached.resolve()
      await answer.promise
      return read(key)
    }
    const told = first().pending.length
    const approving = first().reconciler.approve(replaced(await newcomer()))
    await reached.promise
    const keys = [first(), second()].map((o) => o.publicKey).toSorted()
    fed.registry.apply({ newKeys: keys, newThreshold: 2, newAggregateKey: KeyPair.generate().publicKey })
    answer.resolve()
    await expect(approving).rejects.toMatchObject({ code: 'PENDING_ID_CHANGED' })
    expect(first().pending.slice(told)).toEqual([])
  })

  it('R7: should hold one approval at a time, and take the same one twice', async () => {
    await founded()
    const incoming = await newcomer()
    const set = replaced(incoming)
    await first().reconciler.approve(set)
    await first().reconciler.approve(set)
    await expect(first().reconciler.approve({ ...set, attempt: 2 })).rejects.toMatchObject({ code: 'ROTATION_PENDING' })
  })

  it('R7: should let only one of two approvals pass that come at once', async () => {
    await founded()
    const incoming = await newcomer()
    const set = replaced(incoming)
    const results = await Promise.allSettled([
      first().reconciler.approve(set),
      first().reconciler.approve({ ...set, attempt: 2 }),
    ])
    expect(results.filter((r) => r.status === 'fulfilled')).toHaveLength(1)
    expect(first().reconciler.status()?.spec.attempt).toBe(1)
  })

  it('R7: should not consent to another set than the operator was shown', async () => {
    await founded()
    const set = replaced(await newcomer())
    const { id } = first().reconciler.preview({ ...set, attempt: 2 })
    await expect(first().reconciler.approve(set, { expectedId: id })).rejects.toMatchObject({
      code: 'PENDING_ID_CHANGED',
    })
    expect(first().reconciler.status()).toBeUndefined()
  })

  it('R7: should withdraw an approval only when it is told to', async () => {
    await founded()
    const incoming = await newcomer()
    const set = replaced(incoming)
    await first().reconciler.approve(set)
    await first().reconciler.approve({ ...set, attempt: 2 }, { replace: true })
    expect(first().reconciler.status()?.spec.attempt).toBe(2)
  })

  it('R7: should never be without an approval while one takes the place of another', async () => {
    await founded()
    const incoming = await newcomer()
    const set = replaced(incoming)
    const { reconciler, approvals, pending } = incoming
    await reconciler.approve(set)
    const seen: boolean[] = []
    const look = () => seen.push(reconciler.mayHaveApproval())
    const put = approvals.put.bind(approvals)
    const tell = pending.push.bind(pending)
    Object.assign(approvals, {
      put: async (key: string, value: Uint8Array) => {
        look()
        await put(key, value)
        look()
      },
    })
    Object.assign(pending, {
      push: (spec: PendingSpec | undefined) => {
        look()
        return tell(spec)
      },
    })
    await reconciler.approve({ ...set, attempt: 2 }, { replace: true })
    look()
    expect(seen.length).toBeGreaterThanOrEqual(5)
    expect(seen).not.toContain(false)
  })

  it('R29: should go on with the same key after everyone restarted with a co-signed transaction on its way', async () => {
    await founded()
    const incoming = await newcomer()
    const set = replaced(incoming)
    const members = [first(), second(), incoming]
    fed.registry.stalled = true
    for (const o of members) await o.reconciler.approve(set)
    await expect
      .poll(
        () =>
          members.every(
            (o) => o.reconciler.status()?.action.kind === 'wait' && o.reconciler.status()?.keygen.phase === 'done',
          ),
        WAIT,
      )
      .toBe(true)
    await expect.poll(async () => (await first().cosigned.entries()).length, WAIT).toBeGreaterThan(1)
    const keys = members.map((o) => o.vault.list().map((s) => s.transcript))
    for (const o of members) {
      await o.reconciler.stop()
      o.reconciler = fed.reconcilerOf(o)
    }
    fed.registry.stalled = false
    for (const o of members) await o.reconciler.start()
    await expect.poll(() => fed.registry.sent.length, WAIT).toBe(2)
    expect(members.map((o) => o.vault.list().map((s) => s.transcript))).toEqual(keys)
  })

  it('should not be wedged by a co-signature that nobody could have made', async () => {
    await founded()
    const incoming = await newcomer()
    const set = replaced(incoming)
    const spec = first().reconciler.preview(set)
    const bad = { transcript: 'ab'.repeat(32) as never, nonce: 1, feeUstx: 2 ** 40, signature: new Uint8Array(65) }
    fed.bus.meddle = (e, to) => {
      if (e.step !== 'proposal' || e.author === third().publicKey) return 'pass'
      const transcript = decodeProposal(e.payload)?.transcript ?? bad.transcript
      // The member that leaves names a fee beyond any cap for the very key that was made.
      const payload = encodeCosignature({ ...bad, transcript })
      void fed.bus.speak(third().key, e.topic, { round: spec.id, attempt: 0, step: 'cosign', payload }, to)
      return 'pass'
    }
    for (const o of [first(), second(), incoming]) await o.reconciler.approve(set)
    await expect.poll(() => fed.registry.sent.length, WAIT).toBe(2)
  })

  it('should open nothing once it was stopped', async () => {
    await founded()
    const incoming = await newcomer()
    const approving = first().reconciler.approve(replaced(incoming))
    await first().reconciler.stop()
    await Promise.allSettled([approving])
    expect(first().reconciler.status()).toBeUndefined()
    expect(first().pending.at(-1)).toBeUndefined()
  })

  it.each([
    ['one key', 1, 1],
    ['a threshold of one', 2, 1],
    ['a threshold of half', 4, 2],
    ['a threshold beyond its keys', 2, 3],
  ])('should refuse a set with %s', async (_, size, threshold) => {
    await founded()
    const keys = [first().publicKey, ...Array.from({ length: size - 1 }, () => KeyPair.generate().publicKey)]
    await expect(first().reconciler.approve({ keys, threshold, attempt: 1 })).rejects.toMatchObject({
      code: 'SET_INVALID',
    })
  })

  it('should refuse a set in which a key stands twice', async () => {
    await founded()
    const keys = [first().publicKey, first().publicKey, second().publicKey]
    await expect(first().reconciler.approve({ keys, threshold: 2, attempt: 1 })).rejects.toMatchObject({
      code: 'SET_INVALID',
    })
  })

  it('R7: should forget an approval that expired before there was a key', async () => {
    await founded()
    const hasty = fed.operator(KeyPair.generate(), { approvalTtlMs: 1 })
    all.push(hasty)
    await hasty.reconciler.start()
    await hasty.reconciler.approve(replaced(hasty))
    const later = () => {
      fed.passedMs += EXPIRY_PATIENCE_MS
      return hasty.reconciler.status()
    }
    await expect.poll(later, WAIT).toBeUndefined()
    expect(hasty.pending.at(-1)).toBeUndefined()
  })

  it('R7: should have its time begin anew when the same set is approved again', async () => {
    await founded()
    const set = replaced(await newcomer())
    const untilMs = async () => (await loadApproval(first().approvals))?.expiresAtMs ?? 0
    await first().reconciler.approve(set)
    const before = await untilMs()
    fed.skewMs = 60_000
    await first().reconciler.approve(set)
    expect(await untilMs()).toBeGreaterThanOrEqual(before + 60_000)
    // Its own node and the others go by it.
    fed.skewMs = before + 30_000 - Date.now()
    fed.passedMs += EXPIRY_PATIENCE_MS
    await second().reconciler.approve(set)
    await expect.poll(() => second().reconciler.status()?.approved, WAIT).toContain(first().publicKey)
    expect(first().reconciler.status()?.approved).toContain(first().publicKey)
    // A clock that went back shortens nothing.
    const prolonged = await untilMs()
    fed.skewMs = -60_000
    await first().reconciler.approve(set)
    expect(await untilMs()).toBe(prolonged)
  })

  it('R6: should not give the first set an end when it is approved by hand', async () => {
    const other = second()
    await other.reconciler.start()
    await expect.poll(() => other.reconciler.status()?.spec.keys, WAIT).toEqual(fed.bootstrap.keys)
    await other.reconciler.approve({ ...fed.bootstrap, attempt: 1 })
    expect(await other.approvals.entries()).toEqual([])
  })

  it.each([
    ['where there was another', true],
    ['where there was none', false],
  ])('R7: should not come alive at the next start after it was answered with an error, %s', async (_what, hasOther) => {
    await founded()
    const back = fed.registry.snapshot
    if (back.kind !== 'set') throw new Error('no set')
    const set = replaced(await newcomer())
    if (hasOther) await first().reconciler.approve(set)
    const told = first().pending.length
    const { approvals } = first()
    const put = approvals.put.bind(approvals)
    const remove = approvals.delete.bind(approvals)
    // While it is written, a block comes with another set; a reorg takes it back a moment later.
    vi.spyOn(approvals, 'put').mockImplementationOnce(async (key, value) => {
      await put(key, value)
      fed.registry.snapshot = { ...back, set: { ...back.set, hash: asSetHash('99'.repeat(32)) } }
      const takeBack = async () => {
        fed.registry.snapshot = back
      }
      if (hasOther) vi.mocked(approvals.put).mockImplementationOnce((...args) => takeBack().then(() => put(...args)))
      else vi.spyOn(approvals, 'delete').mockImplementationOnce((k) => takeBack().then(() => remove(k)))
    })
    const other = { ...set, attempt: 2 }
    const answer = first().reconciler.approve(other, { replace: true })
    await expect(answer).rejects.toMatchObject({ code: 'PENDING_ID_CHANGED' })
    expect((await loadApproval(approvals))?.attempt).toBe(hasOther ? 1 : undefined)
    expect(first().reconciler.status()?.spec.attempt).toBe(hasOther ? 1 : undefined)
    expect(first().pending).toHaveLength(told)
  })

  it('R7: should not take the place of the one before where the disk refuses it', async () => {
    await founded()
    const set = replaced(await newcomer())
    await first().reconciler.approve(set)
    vi.spyOn(first().approvals, 'put').mockRejectedValueOnce(new Error('ENOSPC'))
    await expect(first().reconciler.approve({ ...set, attempt: 2 }, { replace: true })).rejects.toThrow('ENOSPC')
    expect(first().reconciler.status()?.spec.attempt).toBe(1)
    expect((await loadApproval(first().approvals))?.attempt).toBe(1)
  })

  it('R7: should keep an approval though the wall clock is wrong for a while', async () => {
    await founded()
    await first().reconciler.approve(replaced(await newcomer()))
    const actsOn = async (ms: number) => {
      fed.passedMs += ms
      const looks = () => new Promise((resolve) => setTimeout(resolve, 1_200))
      await looks()
      return first().reconciler.status()?.action
    }
    fed.skewMs = 2 * 3_600_000
    // Past its end it counts no more, and is not dropped yet.
    expect(await actsOn(0)).toMatchObject({ for: 'approvals', missing: expect.arrayContaining([first().publicKey]) })
    fed.skewMs = 0
    expect(await actsOn(0)).toBeDefined()
    fed.skewMs = 2 * 3_600_000
    expect(await actsOn(EXPIRY_PATIENCE_MS)).toBeDefined()
    fed.skewMs = 0
    expect(await actsOn(EXPIRY_PATIENCE_MS)).toMatchObject({
      for: 'approvals',
      missing: expect.not.arrayContaining([first().publicKey]),
    })
    expect(await first().approvals.entries()).toHaveLength(1)
  })

  it('R17: should neither be approved nor opened by a node whose key speaks elsewhere', async () => {
    await founded()
    const set = replaced(await newcomer())
    fed.elsewhere.add(first().publicKey)
    await expect(first().reconciler.approve(set)).rejects.toMatchObject({ code: 'KEY_IN_USE_ELSEWHERE' })
    fed.elsewhere.clear()
    await first().reconciler.approve(set)
    await first().reconciler.stop()
    fed.elsewhere.add(first().publicKey)
    first().reconciler = fed.reconcilerOf(first())
    const told = first().pending.length
    await first().reconciler.start()
    // Runs after its first look.
    await expect(first().reconciler.approve(set)).rejects.toMatchObject({ code: 'KEY_IN_USE_ELSEWHERE' })
    expect(first().reconciler.status()).toBeUndefined()
    expect(first().pending).toHaveLength(told)
    // It is the same approval when the node is alone again.
    fed.elsewhere.clear()
    await expect.poll(() => first().reconciler.status()?.spec.keys, WAIT).toEqual(set.keys)
  })

  it('R17: should go no step further on a node whose key speaks elsewhere', async () => {
    await founded()
    const incoming = await newcomer()
    const set = replaced(incoming)
    await first().reconciler.approve(set)
    fed.elsewhere.add(first().publicKey)
    for (const o of [second(), incoming]) await o.reconciler.approve(set)
    await expect.poll(() => first().reconciler.status()?.action, WAIT).toMatchObject({ kind: 'wait', for: 'restart' })
    expect(first().reconciler.status()?.keygen.phase).toBe('idle')
  })

  it('should not be approved by a node that has no part in it', async () => {
    await founded()
    const outsider = await newcomer()
    const incoming = await newcomer()
    await expect(outsider.reconciler.approve(replaced(incoming))).rejects.toMatchObject({ code: 'NOT_CONCERNED' })
  })

  it('R3: should refuse a set whose account could never act', async () => {
    await founded()
    const keys = [first().publicKey, ...Array.from({ length: 16 }, () => KeyPair.generate().publicKey)].toSorted()
    await expect(first().reconciler.approve({ keys, threshold: 9, attempt: 1 })).rejects.toMatchObject({
      code: 'SET_TOO_LARGE_FOR_PRINCIPAL',
    })
  })

  it('should be taken up again after a restart, and end', async () => {
    await founded()
    const incoming = await newcomer()
    const set = replaced(incoming)
    await first().reconciler.approve(set)
    await first().reconciler.stop()
    first().reconciler = fed.reconcilerOf(first())
    await first().reconciler.start()
    await expect.poll(() => first().reconciler.status()?.spec.keys, WAIT).toEqual(set.keys)
    for (const o of [second(), incoming]) await o.reconciler.approve(set)
    await expect.poll(() => fed.registry.sent.length, WAIT).toBe(2)
  })

  it('R7: should say throughout a restart that an approval may stand, and no longer when it is over', async () => {
    await founded()
    const incoming = await newcomer()
    expect(first().reconciler.mayHaveApproval()).toBe(false)
    await first().reconciler.approve(replaced(incoming))
    await first().reconciler.stop()
    const again = fed.reconcilerOf(first())
    first().reconciler = again
    // Before the disk was read, while the chain is not read well enough, and when it is taken up.
    expect(again.mayHaveApproval()).toBe(true)
    fed.registry.stale = true
    await again.start()
    expect(again.mayHaveApproval()).toBe(true)
    expect(again.status()).toBeUndefined()
    fed.registry.stale = false
    await expect.poll(() => again.status()?.spec.keys, WAIT).toEqual(replaced(incoming).keys)
    expect(again.mayHaveApproval()).toBe(true)
    for (const o of [second(), incoming]) await o.reconciler.approve(replaced(incoming))
    await expect.poll(() => again.mayHaveApproval(), WAIT).toBe(false)
  })

  it('R7: should drop a stored approval whose parent set is gone', async () => {
    await founded()
    const incoming = await newcomer()
    await first().reconciler.approve(replaced(incoming))
    await first().reconciler.stop()
    const { snapshot } = fed.registry
    if (snapshot.kind !== 'set') throw new Error('no set')
    const { keys, aggregateKey } = snapshot.set
    fed.registry.apply({ newKeys: keys, newThreshold: 3, newAggregateKey: aggregateKey })
    first().reconciler = fed.reconcilerOf(first())
    await first().reconciler.start()
    await expect.poll(async () => (await first().approvals.entries()).length, WAIT).toBe(0)
    expect(first().reconciler.status()).toBeUndefined()
  })
})

describe('R5: a stale registry', () => {
  const refusedAsStale = (o: Operator, proposal: Parameters<Operator['reconciler']['approve']>[0]) =>
    expect(o.reconciler.approve(proposal)).rejects.toMatchObject({ code: 'REGISTRY_STALE' })

  it('R5: should approve nothing, and open nothing', async () => {
    await founded()
    fed.registry.stale = true
    const incoming = await newcomer()
    await refusedAsStale(incoming, replaced(incoming))
    expect(incoming.pending).toEqual([])
    expect(incoming.reconciler.status()).toBeUndefined()
  })

  it('R5: should not open the first set until it is read', async () => {
    fed.registry.stale = true
    for (const o of fed.founders) await o.reconciler.start()
    // Runs after the first look of each.
    for (const o of fed.founders) await refusedAsStale(o, { ...fed.bootstrap, attempt: 1 })
    expect(fed.founders.map((o) => o.pending)).toEqual([[], [], []])
    fed.registry.stale = false
    await expect.poll(() => fed.registry.snapshot.kind, WAIT).toBe('set')
  })

  it('R5: should hold a rotation where it is, and go on when the registry is read', async () => {
    await founded()
    const incoming = await newcomer()
    const proposal = replaced(incoming)
    await first().reconciler.approve(proposal)
    await second().reconciler.approve(proposal)
    fed.registry.stale = true
    first().reconciler.poke()
    await expect
      .poll(() => first().reconciler.status()?.action, WAIT)
      .toEqual({ kind: 'wait', for: 'registry', missing: [] })
    fed.registry.stale = false
    await incoming.reconciler.approve(proposal)
    await expect.poll(() => fed.registry.sent.length, WAIT).toBe(2)
  })

  it('R5: should not take up a stored approval until the registry is read', async () => {
    await founded()
    const incoming = await newcomer()
    const proposal = replaced(incoming)
    await first().reconciler.approve(proposal)
    await first().reconciler.stop()
    fed.registry.stale = true
    const again = fed.reconcilerOf(first())
    first().reconciler = again
    first().pending.length = 0
    await again.start()
    await refusedAsStale(first(), proposal)
    expect(first().pending).toEqual([])
    fed.registry.stale = false
    await expect.poll(() => first().pending.at(-1)?.keys, WAIT).toEqual(proposal.keys)
  })
})

describe('NonceGuard', () => {
  const keys = [KeyPair.generate().publicKey, KeyPair.generate().publicKey].toSorted()
  const spec = (principal: string, attempt = 1): PendingSpec => ({
    id: asPendingId(`a${attempt}`.repeat(32)),
    parentSetHash: asSetHash('bb'.repeat(32)),
    principal,
    currentKeys: keys,
    currentThreshold: 2,
    ...{ keys, threshold: 2, attempt },
  })

  it('R29: should fix one payload per account nonce, for good', async () => {
    const space = memorySpace()
    await new NonceGuard(space).reserve(spec('SN1'), 7, 'aa')
    const restarted = new NonceGuard(space)
    await restarted.reserve(spec('SN1'), 7, 'aa')
    await expect(restarted.reserve(spec('SN1', 2), 7, 'bb')).rejects.toMatchObject({
      code: 'NONCE_TAKEN',
      data: { nonce: 7, pendingId: spec('SN1').id, attempt: 1 },
    })
    await restarted.reserve(spec('SN1', 2), 8, 'bb')
    await restarted.reserve(spec('SN2', 2), 7, 'bb')
  })

  it('R29: should let only one of two payloads pass when both come at once', async () => {
    const guard = new NonceGuard(memorySpace())
    const results = await Promise.allSettled([guard.reserve(spec('SN1'), 7, 'aa'), guard.reserve(spec('SN1'), 7, 'bb')])
    expect(results.filter((r) => r.status === 'fulfilled')).toHaveLength(1)
  })

  it('R29: should name only what other sets of the same parent and account hold', async () => {
    const guard = new NonceGuard(memorySpace())
    const parentSetHash = asSetHash('cc'.repeat(32))
    await guard.reserve(spec('SN1'), 7, 'aa')
    await guard.reserve(spec('SN1', 2), 8, 'bb')
    await guard.reserve({ ...spec('SN1', 3), parentSetHash }, 9, 'cc')
    await guard.reserve(spec('SN2', 2), 7, 'bb')
    expect([...(await guard.othersOf(spec('SN1'))).keys()]).toEqual([8])
  })

  it('R29: should sign nothing by a record that it can not read', async () => {
    const space = memorySpace()
    await space.put('SN1/7', utf8('{}'))
    await expect(new NonceGuard(space).reserve(spec('SN1'), 7, 'aa')).rejects.toMatchObject({
      code: 'STORE_UNREADABLE',
    })
  })
})
