import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { asGroupKey, fromHex, type GroupKey, LIMITS, toHex, utf8 } from '../../../src/base/index.ts'
import { curve, KeyPair, randomBytes, sha256 } from '../../../src/curve/index.ts'
import { type HandoffItem, handoffRequest, nameOfItem, verifyHandoff } from '../../../src/rounds/index.ts'
import { encodeHandoff } from '../../../src/rounds/pending/messages.ts'
import { Federation, type Operator, registryId } from './federation.ts'

let fed: Federation
let all: Operator[]
let oldKey: GroupKey
const WAIT = { timeout: 25_000, interval: 50 }

const member = (index: number): Operator => {
  const found = fed.founders[index]
  if (found === undefined) throw new Error(`no founder ${index}`)
  return found
}
const digest = (name: string): HandoffItem => ({ digest: toHex(sha256(utf8(name))), merkleRoot: 'none' })
const isSet = () => (fed.registry.snapshot.kind === 'set' ? fed.registry.snapshot.set : undefined)
const others = () => ({ keys: fed.founders.map((o) => o.publicKey).toSorted(), threshold: 3, attempt: 1 })
const approve = async () => {
  for (const o of fed.founders) await o.reconciler.approve(others())
}
const waitsForHandoff = (o: Operator) => {
  const action = o.reconciler.status()?.action
  return action?.kind === 'wait' && action.for === 'handoff'
}
const rotated = () => expect.poll(() => isSet()?.groupKey !== oldKey, WAIT).toBe(true)
const signaturesOf = async (o: Operator): Promise<readonly string[]> => {
  const [latest] = await o.reconciler.handoffs()
  return [...(latest?.signatures.keys() ?? [])]
}
/** A fresh process on the same disk. */
const restart = async (o: Operator): Promise<void> => {
  await o.reconciler.stop()
  o.reconciler = fed.reconcilerOf(o)
  await o.reconciler.start()
  await expect.poll(() => o.reconciler.status() !== undefined, WAIT).toBe(true)
}

beforeEach(async () => {
  fed = new Federation()
  all = [...fed.founders]
  for (const o of all) await o.reconciler.start()
  await expect.poll(() => isSet() !== undefined, WAIT).toBe(true)
  await expect.poll(() => all.every((o) => o.reconciler.status() === undefined), WAIT).toBe(true)
  oldKey = isSet()?.groupKey ?? asGroupKey('00'.repeat(32))
})
afterEach(async () => {
  for (const o of all) await o.reconciler.stop()
})

describe('R29: digests that are handed over to the old key', () => {
  it('R29: should be signed by it before rotate-keys, under the tweak that was listed, and stay at hand after it', async () => {
    await approve()
    const items = [
      digest('a sweep'),
      { ...digest('its second input'), merkleRoot: 'empty' },
      { ...digest('a deposit'), merkleRoot: toHex(randomBytes(32)) },
    ]
    for (const o of all) await o.reconciler.handOver(items)
    await rotated()
    for (const o of all) {
      const [list] = await o.reconciler.handoffs()
      expect(list?.groupKey).toBe(oldKey)
      for (const item of items) {
        const signature = list?.signatures.get(nameOfItem(item))
        expect(signature && verifyHandoff(oldKey, item, signature), nameOfItem(item)).toBe(true)
      }
    }
    const [first] = items
    const signature = (await member(0).reconciler.handoffs())[0]?.signatures.get(nameOfItem(first as HandoffItem))
    expect(curve.schnorrVerify(signature as Uint8Array, fromHex(digest('a sweep').digest), fromHex(oldKey))).toBe(true)
  })

  it('R29: should hold rotate-keys back while too few list them, and name who does not', async () => {
    await approve()
    await member(2).reconciler.handOver([], { hold: true })
    for (const index of [0, 1]) await member(index).reconciler.handOver([digest(`only ${index}`)])
    await expect.poll(() => waitsForHandoff(member(0)) && waitsForHandoff(member(1)), WAIT).toBe(true)
    const { action } = member(0).reconciler.status() ?? {}
    expect(action?.kind === 'wait' && action.missing.toSorted()).toEqual(
      [1, 2].map((i) => member(i).publicKey).toSorted(),
    )
    expect(fed.registry.sent).toHaveLength(1)
    expect(await signaturesOf(member(0))).toEqual([])
    // The other two know who waits for what.
    await expect.poll(() => member(2).reconciler.status()?.handoff.items, WAIT).toHaveLength(2)
    for (const item of member(2).reconciler.status()?.handoff.items ?? [])
      expect(item).toMatchObject({ own: false, signature: undefined })
    // Enough list it now: it is signed, and the rotation goes on.
    await member(2).reconciler.handOver([digest('only 0'), digest('only 1')])
    await expect.poll(() => waitsForHandoff(member(1)), WAIT).toBe(false)
    await rotated()
    // Two have co-signed, each of them with all that it lists signed; the third may have been overtaken.
    const signed = new Set((await Promise.all(all.map(signaturesOf))).flat())
    expect(signed).toEqual(new Set([digest('only 0'), digest('only 1')].map(nameOfItem)))
  })

  it('R27, R29: should be signed where lists differ, each by those who list it', async () => {
    await approve()
    const [x, y, z] = ['x', 'y', 'z'].map(digest) as [HandoffItem, HandoffItem, HandoffItem]
    const lists = [
      [x, y],
      [y, z],
      [z, x],
    ]
    for (const [i, list] of lists.entries()) await member(i).reconciler.handOver(list, { hold: true })
    // No two of the three list the same, and two must consent to a whole batch.
    for (const [i, list] of lists.entries())
      await expect.poll(() => signaturesOf(member(i)), WAIT).toHaveLength(list.length)
    for (const o of all) await o.reconciler.handOver([])
    await rotated()
  })

  it('R29: should not wait where this operator lists nothing', async () => {
    await approve()
    await member(0).reconciler.handOver([digest('of one alone')])
    // Two of three list nothing, and are enough.
    await rotated()
    expect(await signaturesOf(member(0))).toEqual([])
  })

  it('R29: should wait for what will be listed when the new key is known', async () => {
    await approve()
    for (const o of all) await o.reconciler.handOver([], { hold: true })
    await expect.poll(() => all.every(waitsForHandoff), WAIT).toBe(true)
    const { newKey, handoff } = member(0).reconciler.status() ?? {}
    expect(newKey).toMatch(/^[0-9a-f]{64}$/)
    expect(handoff?.holding).toEqual(all.map((o) => o.publicKey).toSorted())
    expect(fed.registry.sent).toHaveLength(1)
    for (const o of all) await o.reconciler.handOver([digest(`a sweep to ${newKey}`)])
    await rotated()
    expect(isSet()?.groupKey).toBe(newKey)
    expect(await signaturesOf(member(1))).toEqual([nameOfItem(digest(`a sweep to ${newKey}`))])
  })

  it('R29: should be known as closed for a member that has co-signed, which can list nothing any more', async () => {
    await approve()
    await member(2).reconciler.handOver([], { hold: true })
    await member(0).reconciler.handOver([digest('both'), digest('one alone')])
    expect(member(0).reconciler.status()?.handoff.cosigned).toEqual([])
    await member(1).reconciler.handOver([digest('both')])
    await expect.poll(() => member(0).reconciler.status()?.handoff.cosigned, WAIT).toEqual([member(1).publicKey])
    await expect(member(1).reconciler.handOver([digest('late')])).rejects.toMatchObject({ code: 'HANDOFF_COSIGNED' })
    expect(member(1).reconciler.status()?.handoff.cosigned).toEqual([member(1).publicKey])
    await member(0).reconciler.handOver([digest('both')])
    await rotated()
  })

  it('R29: should be shown with their signatures when their operator holds, or lists others instead', async () => {
    await approve()
    for (const o of all) await o.reconciler.handOver([digest('early')], { hold: true })
    await expect.poll(() => signaturesOf(member(0)), WAIT).toHaveLength(1)
    for (const o of all) await o.reconciler.handOver([], { hold: true })
    const shown = () => member(0).reconciler.status()?.handoff.items
    await expect.poll(() => shown()?.[0]?.listedBy, WAIT).toEqual([])
    expect(shown()).toMatchObject([
      { ...digest('early'), own: false, signature: expect.stringMatching(/^[0-9a-f]{128}$/) },
    ])
    await restart(member(0))
    expect(shown()?.[0]?.signature).toHaveLength(128)
    for (const o of all) await o.reconciler.handOver([])
    await rotated()
  })

  it('R29: should be withdrawn as well, and the rotation go on without them', async () => {
    await approve()
    for (const index of [0, 1]) await member(index).reconciler.handOver([digest(`only ${index}`)])
    await expect.poll(() => waitsForHandoff(member(0)) && waitsForHandoff(member(1)), WAIT).toBe(true)
    await member(0).reconciler.handOver([])
    await rotated()
  })

  it('R29: should survive a restart of everybody, list by list and signature by signature', async () => {
    await approve()
    for (const o of all) await o.reconciler.handOver([digest('one')], { hold: true })
    await expect.poll(async () => (await signaturesOf(member(0))).length, WAIT).toBe(1)
    const before = (await member(0).reconciler.handoffs())[0]?.signatures.get(nameOfItem(digest('one')))
    for (const o of all) await restart(o)
    await expect.poll(() => all.every(waitsForHandoff), WAIT).toBe(true)
    expect(fed.registry.sent).toHaveLength(1)
    // R28: the first that was verified stays.
    expect((await member(0).reconciler.handoffs())[0]?.signatures.get(nameOfItem(digest('one')))).toEqual(before)
    for (const o of all) await o.reconciler.handOver([digest('one'), digest('two')])
    await rotated()
    expect((await member(0).reconciler.handoffs())[0]?.signatures.get(nameOfItem(digest('one')))).toEqual(before)
    expect(await signaturesOf(member(2))).toHaveLength(2)
  })

  it('R29: should not be listed any more once this node has co-signed, a restart notwithstanding', async () => {
    fed.registry.stalled = true
    await approve()
    await expect.poll(async () => (await member(0).cosigned.entries()).length, WAIT).toBe(2)
    const { reconciler } = member(0)
    await expect(reconciler.handOver([digest('late')])).rejects.toMatchObject({ code: 'HANDOFF_COSIGNED' })
    await reconciler.stop()
    // A fresh process that knows of its signature from the disk alone: it can't ask the chain, and so signs nothing again.
    const tx = { ...fed.registry.tx(member(0).publicKey), rotationState: () => Promise.reject(new Error('no answer')) }
    member(0).reconciler = fed.reconcilerOf(member(0), { tx })
    await member(0).reconciler.start()
    const late = member(0).reconciler.handOver([digest('late')])
    await expect(late).rejects.toMatchObject({ code: 'HANDOFF_COSIGNED' })
  })
})

describe('R27: a list is this operator’s consent to what stands in it, and to nothing else', () => {
  const pendingId = () =>
    member(0).reconciler.status()?.spec.id ??
    (() => {
      throw new Error('no pending set')
    })()

  it('R27: should be given to no other digest, tweak, key, request id, pending set or number of digests', async () => {
    await approve()
    const item = digest('a sweep')
    await member(0).reconciler.handOver([item], { hold: true })
    const { reconciler } = member(0)
    const good = handoffRequest(pendingId(), oldKey, [item])
    expect(reconciler.consentsToHandoff(good)).toBe(true)
    const of = (...others: HandoffItem[]) => handoffRequest(pendingId(), oldKey, others)
    const [asked] = good.items
    if (asked === undefined) throw new Error('nothing is asked')
    const evil = { ...asked, digest: sha256(utf8('evil')) }
    for (const [what, request] of Object.entries({
      'another digest': of(digest('evil')),
      'another digest under its id': { ...good, items: [evil] },
      'another tweak': of({ ...item, merkleRoot: 'empty' }),
      'another tweak under its id': {
        ...good,
        items: [{ ...asked, tweak: { kind: 'key', merkleRoot: null } as const }],
      },
      'another key': { ...good, groupKey: asGroupKey('ab'.repeat(32)) },
      'another request id': { ...good, requestId: 'ab'.repeat(32) },
      'another pending set': handoffRequest(
        'ab'.repeat(32) as typeof good.groupKey & ReturnType<typeof pendingId>,
        oldKey,
        [item],
      ),
      'more than it': { ...good, items: [asked, evil] },
      'more than it, under an id of its own': of(item, digest('evil')),
      'it twice': { ...good, items: [asked, asked] },
      'it twice, under an id of its own': of(item, item),
      nothing: of(),
    }))
      expect(reconciler.consentsToHandoff(request), what).toBe(false)
    expect(member(1).reconciler.consentsToHandoff(good), 'a member that listed nothing').toBe(false)
  })

  it('R27: should be given to several listed digests at once, in one order, under their own request id', async () => {
    await approve()
    const items = ['a', 'b', 'c'].map(digest)
    const { reconciler } = member(0)
    await reconciler.handOver(items, { hold: true })
    const of = (...some: HandoffItem[]) => handoffRequest(pendingId(), oldKey, some)
    const all = of(...items)
    expect(of(...items.toReversed())).toEqual(all)
    for (const request of [all, of(...items.slice(1)), of(digest('b'))])
      expect(reconciler.consentsToHandoff(request)).toBe(true)
    // Each order would be another round under one id.
    expect(reconciler.consentsToHandoff({ ...all, items: all.items.toReversed() })).toBe(false)
    expect(reconciler.consentsToHandoff({ ...all, requestId: of(...items.slice(1)).requestId })).toBe(false)
    await reconciler.handOver(items.slice(1), { hold: true })
    expect([all, of(...items.slice(1))].map((request) => reconciler.consentsToHandoff(request))).toEqual([false, true])
  })

  it('R27: should end when it is withdrawn, replaced, or the rotation over', async () => {
    await approve()
    for (const o of all) await o.reconciler.handOver([], { hold: true })
    const { reconciler } = member(0)
    const asks = (name: string, id = pendingId()) => handoffRequest(id, oldKey, [digest(name)])
    await reconciler.handOver([digest('one')], { hold: true })
    const one = asks('one')
    expect(reconciler.consentsToHandoff(one)).toBe(true)
    await reconciler.handOver([digest('two')], { hold: true })
    expect([reconciler.consentsToHandoff(one), reconciler.consentsToHandoff(asks('two'))]).toEqual([false, true])
    const two = asks('two')
    for (const o of all) await o.reconciler.handOver([])
    expect(reconciler.consentsToHandoff(two)).toBe(false)
    await rotated()
    expect(reconciler.consentsToHandoff(two)).toBe(false)
  })

  it('R27: should not be on anybody’s lips before it is on this node’s disk', async () => {
    await approve()
    for (const o of all) await o.reconciler.handOver([], { hold: true })
    const { handoffs, reconciler } = member(0)
    const put = handoffs.put
    handoffs.put = async () => {
      expect(reconciler.consentsToHandoff(handoffRequest(pendingId(), oldKey, [digest('one')]))).toBe(false)
      throw new Error('the disk is full')
    }
    await expect(reconciler.handOver([digest('one')])).rejects.toThrow(/disk is full/)
    expect(reconciler.consentsToHandoff(handoffRequest(pendingId(), oldKey, [digest('one')]))).toBe(false)
    handoffs.put = put
    // What stood before stands still.
    expect(reconciler.status()?.handoff.holding).toContain(member(0).publicKey)
  })

  it.each([
    ['too many', () => Array.from({ length: LIMITS.maxHandoffDigests + 1 }, (_, i) => digest(String(i)))],
    ['a short digest', () => [{ digest: 'ab', merkleRoot: 'none' }]],
    ['upper case', () => [{ digest: 'AB'.repeat(32), merkleRoot: 'none' }]],
    ['a short root', () => [{ ...digest('x'), merkleRoot: 'abcd' }]],
    ['a digest twice', () => [digest('x'), digest('x')]],
  ])('should refuse %s, and keep what was listed', async (_what, items) => {
    await approve()
    await member(0).reconciler.handOver([digest('good')], { hold: true })
    await expect(member(0).reconciler.handOver(items())).rejects.toMatchObject({ code: 'HANDOFF_INVALID' })
    expect(
      member(0)
        .reconciler.status()
        ?.handoff.items.map((i) => i.digest),
    ).toEqual([digest('good').digest])
  })

  it('should be refused without an approval, for another pending set, and where no old key is held', async () => {
    const { reconciler } = member(0)
    await expect(reconciler.handOver([digest('x')])).rejects.toMatchObject({ code: 'NO_ROTATION' })
    const incoming = fed.operator(KeyPair.generate())
    all.push(incoming)
    await incoming.reconciler.start()
    const keys = [...fed.founders.slice(0, 2), incoming].map((o) => o.publicKey).toSorted()
    for (const o of [member(0), incoming]) await o.reconciler.approve({ keys, threshold: 2, attempt: 1 })
    await expect(incoming.reconciler.handOver([digest('x')])).rejects.toMatchObject({ code: 'HANDOFF_NO_KEY' })
    const expectedId = 'ab'.repeat(32)
    await expect(reconciler.handOver([digest('x')], { expectedId })).rejects.toMatchObject({
      code: 'PENDING_ID_CHANGED',
    })
  })
})

describe('what other members say of the handoff', () => {
  const say = (author: KeyPair, payload: Uint8Array, to: Operator) => {
    const scope = to.reconciler.status()?.spec.id
    if (scope === undefined) throw new Error('no pending set')
    const topic = { network: registryId.network, scope, purpose: 'keygen' } as const
    fed.bus.speak(author, topic, { round: scope, attempt: 0, step: 'handoff', payload }, to.publicKey)
  }
  const list = (revision: number, items: readonly HandoffItem[], signature?: Uint8Array) =>
    encodeHandoff({
      ...{ revision, hold: false, items },
      signatures: new Map(signature && items.map((item) => [nameOfItem(item), signature])),
    })
  const listedAt = (o: Operator) => o.reconciler.status()?.handoff.items ?? []

  beforeEach(async () => {
    await approve()
    await member(0).reconciler.handOver([digest('one')], { hold: true })
    await member(1).reconciler.handOver([], { hold: true })
  })

  it('R29: should not make a signature that does not verify count', async () => {
    say(member(2).key, list(1, [digest('one')], randomBytes(64)), member(0))
    await expect.poll(() => listedAt(member(0))[0]?.listedBy.length, WAIT).toBe(2)
    expect(await signaturesOf(member(0))).toEqual([])
    expect(member(0).reconciler.status()?.action.kind).not.toBe('cosign')
  })

  it('should not count from who is not in the current set, nor when it is malformed or older than what was said', async () => {
    say(KeyPair.generate(), list(1, [digest('strange')]), member(0))
    say(member(2).key, Uint8Array.of(1, 2, 3), member(0))
    say(member(2).key, list(1, [digest('one'), digest('one')]), member(0))
    say(member(2).key, list(7, [digest('latest')]), member(0))
    await expect.poll(() => listedAt(member(0)).length, WAIT).toBe(2)
    say(member(2).key, list(6, [digest('older')]), member(0))
    say(member(2).key, list(8, [digest('one')]), member(0))
    await expect.poll(() => listedAt(member(0)).length, WAIT).toBe(1)
    expect(listedAt(member(0))[0]?.listedBy).toEqual([0, 2].map((i) => member(i).publicKey).toSorted())
  })
})
