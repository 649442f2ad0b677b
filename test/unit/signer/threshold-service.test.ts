import { describe, expect, it } from 'vitest'
import {
  concatBytes,
  type GroupKey,
  LIMITS,
  type Metrics,
  type PeerIdStr,
  type PublicKey,
  silentLogger,
} from '../../../src/base/index.ts'
import { curve, taggedHash } from '../../../src/curve/index.ts'
import {
  type ActiveKey,
  createPolicy,
  requestBindings,
  type SignItem,
  type SigningPolicy,
  type SignResult,
  type ThresholdRequest,
  type ThresholdServiceInit,
  thresholdService,
} from '../../../src/signer/index.ts'
import { codeThrownBy } from '../store/temp-folder.ts'
import { FakeClock, FakeSpace, groupOf, itemOf, policyInit, type TestGroup } from './fixtures.ts'

const CLIENT = '16Uiu2HAbridge' as PeerIdStr
const bad64 = new Uint8Array(64).fill(1)
const SET_HASH = '33'.repeat(32) as ActiveKey['setHash']

function countingMetrics() {
  const outcomes: string[] = []
  const metrics: Metrics = {
    counter: () => ({ inc: (labels: Readonly<Record<string, string>>) => void outcomes.push(labels.outcome ?? '') }),
    gauge: () => ({ set() {} }),
  }
  return { metrics, outcomes }
}

type SignCall = { request: ThresholdRequest; deadlineMs: number; signal: AbortSignal | undefined }

/** A service over a group of known secret; `rounds` answers with that secret unless a test says otherwise. */
function setUp(change: Partial<ThresholdServiceInit> & { space?: FakeSpace; group?: TestGroup } = {}) {
  const group = change.group ?? groupOf()
  const share = group.share(group.members[0] as PublicKey)
  const groupKey: GroupKey = share.key.public.groupKey
  const state = {
    active: { setHash: SET_HASH, groupKey } as ActiveKey | undefined,
    isSigner: true,
    isKeyElsewhere: false,
  }
  const space = change.space ?? new FakeSpace()
  const bindings = requestBindings({ space, logger: silentLogger, onFatal: () => {} })
  const clock = new FakeClock()
  const calls: SignCall[] = []
  const { metrics, outcomes } = countingMetrics()
  const sign = (...items: readonly SignItem[]): SignResult => ({
    ok: true,
    signatures: items.map((item) => signAsGroup(group.secret, item)),
  })
  const service = thresholdService({
    activeKey: () => state.active,
    isSigner: () => state.isSigner,
    isKeyElsewhere: () => state.isKeyElsewhere,
    shares: { byGroupKey: (k) => (k === groupKey ? share : undefined) },
    policy: createPolicy({ ...policyInit, bindings, clock }),
    bindings,
    rounds: {
      sign: async (request, deadlineMs, signal) => {
        calls.push({ request, deadlineMs, signal })
        return sign(...request.items)
      },
    },
    clock,
    logger: silentLogger,
    metrics,
    ...change,
  })
  const ask = (item: SignItem | SignItem[] = itemOf(1), requestId = 'aa', timeoutMs = 5_000, signal?: AbortSignal) =>
    service.sign(CLIENT, requestId, [item].flat(), clock.now() + timeoutMs, signal)
  return { service, ask, calls, state, groupKey, space, bindings, clock, outcomes, sign, group }
}

/** Signs as BIP341 says the tweaked key's owner would. */
function signAsGroup(secret: Uint8Array, { digest, tweak }: SignItem): Uint8Array {
  if (tweak.kind === 'none') return curve.schnorrSign(digest, secret)
  const x = curve.publicKeyOf(secret).subarray(1)
  const t = taggedHash('TapTweak', concatBytes(x, tweak.merkleRoot ?? new Uint8Array(0)))
  return curve.schnorrSign(digest, curve.addScalars(secret, t))
}

const answering = (approve: SigningPolicy['approve']): SigningPolicy => ({
  kind: 'bridge',
  approve,
  consent: async () => 'refused',
  decisions: () => ({ approved: [], waiting: [], refused: [] }),
  validatorTrouble: () => undefined,
  stop() {},
})

/** Rounds that end when the test says so. */
function heldRounds() {
  const calls: { request: ThresholdRequest; deadlineMs: number; end: (result: SignResult) => void }[] = []
  const started: PromiseWithResolvers<void>[] = []
  const startOf = (n: number) => (started[n] ??= Promise.withResolvers<void>())
  return {
    calls,
    started: (n: number) => startOf(n).promise,
    rounds: {
      sign: (request: ThresholdRequest, deadlineMs: number) =>
        new Promise<SignResult>((end) => {
          calls.push({ request, deadlineMs, end })
          startOf(calls.length - 1).resolve()
        }),
    },
  }
}
const timeout = (): SignResult => ({ ok: false, code: 'TIMEOUT', message: 'late', missing: [], cheaters: [] })

describe('threshold service', () => {
  it.each<[string, SignItem['tweak']]>([
    ['no tweak', { kind: 'none' }],
    ['the empty root', { kind: 'key', merkleRoot: null }],
    ['a merkle root', { kind: 'key', merkleRoot: new Uint8Array(32).fill(9) }],
  ])('should answer with a signature under %s, and count it', async (_, tweak) => {
    const { ask, outcomes } = setUp()
    expect(await ask({ digest: new Uint8Array(32).fill(1), tweak })).toMatchObject({ ok: true })
    expect(outcomes).toEqual(['signed'])
  })

  it('should have bound the request before the round begins', async () => {
    const space = new FakeSpace()
    const seen: number[] = []
    const { ask } = setUp({
      space,
      rounds: {
        sign: async () => {
          seen.push(space.values.size)
          return timeout()
        },
      },
    })
    await ask()
    expect(seen).toEqual([1])
  })

  it('R28, incident 37: should answer an identical repeat with the same bytes, without a round', async () => {
    const { ask, calls } = setUp()
    const first = await ask()
    expect(await ask()).toEqual(first)
    expect(calls).toHaveLength(1)
  })

  it('R28: should answer the same bytes after a restart', async () => {
    const before = setUp()
    const first = await before.ask()
    const { ask, calls } = setUp({ space: before.space, group: before.group })
    expect(await ask()).toEqual(first)
    expect(calls).toEqual([])
  })

  it('should not let a caller change the bytes that are kept', async () => {
    const { ask } = setUp()
    const first = await ask()
    if (!first.ok) throw new Error('not signed')
    const before = first.signatures.map((s) => s.slice())
    first.signatures[0]?.fill(0)
    expect(await ask()).toEqual({ ok: true, signatures: before })
  })

  it('R27, incident 36: should refuse another digest under the same request id', async () => {
    const { ask, calls, outcomes } = setUp()
    await ask(itemOf(1))
    expect(await ask(itemOf(2))).toMatchObject({ code: 'EQUIVOCATION' })
    expect(calls).toHaveLength(1)
    expect(outcomes).toEqual(['signed', 'EQUIVOCATION'])
  })

  it('R30: should sign one of two digests that come at once under one request id', async () => {
    const { ask, calls } = setUp()
    const [a, b] = await Promise.all([ask(itemOf(1)), ask(itemOf(2))])
    expect(a).toMatchObject({ ok: true })
    expect(b).toMatchObject({ code: 'EQUIVOCATION' })
    expect(calls).toHaveLength(1)
  })

  it('should share one round among identical requests that come at once', async () => {
    const { ask, calls } = setUp()
    const results = await Promise.all([ask(), ask(), ask()])
    expect(calls).toHaveLength(1)
    expect(results[1]).toEqual(results[0])
    expect(results[2]).toEqual(results[0])
  })

  it('R27: should sign a list in one round, and answer its repeat alike after a restart', async () => {
    const { ask, calls, space, group } = setUp()
    const items = [itemOf(1), itemOf(2), { ...itemOf(1), tweak: { kind: 'key' as const, merkleRoot: null } }]
    const first = await ask(items)
    expect(first).toMatchObject({ ok: true, signatures: { length: 3 } })
    expect(calls).toHaveLength(1)
    const after = setUp({ space, group })
    expect(await after.ask(items)).toEqual(first)
    expect(await after.ask(items.slice(0, 2))).toMatchObject({ code: 'EQUIVOCATION' })
    expect(after.calls).toEqual([])
  })

  it('should sign the digest as it was asked, whatever the caller makes of it afterwards', async () => {
    const { ask, group } = setUp()
    const item = itemOf(1)
    const asked = ask(item)
    item.digest.fill(2)
    const result = await asked
    if (!result.ok) throw new Error('not signed')
    const key = curve.publicKeyOf(group.secret).subarray(1)
    expect(curve.schnorrVerify(result.signatures[0] ?? bad64, itemOf(1).digest, key)).toBe(true)
  })
})

describe('threshold service refuses', () => {
  it.each([
    ['EmptyId', '', itemOf(1)],
    ['LongId', 'aa'.repeat(LIMITS.maxRequestIdBytes + 1), itemOf(1)],
    ['CapitalId', 'AB', itemOf(1)],
    ['NoItem', 'aa', []],
    ['TooManyItems', 'aa', Array.from({ length: LIMITS.maxSignItems + 1 }, () => itemOf(1))],
    ['ShortDigest', 'aa', { ...itemOf(1), digest: new Uint8Array(31) }],
    ['LongRoot', 'aa', { ...itemOf(1), tweak: { kind: 'key' as const, merkleRoot: new Uint8Array(33) } }],
  ])('a request of wrong shape, before anything is bound: %s', async (_, id, item) => {
    const { ask, space } = setUp()
    expect(await ask(item, id)).toMatchObject({ code: 'REFUSED' })
    expect(space.puts).toEqual([])
  })
  it('should take the longest request id', async () => {
    const { ask } = setUp()
    expect(await ask(itemOf(1), 'aa'.repeat(LIMITS.maxRequestIdBytes))).toMatchObject({ ok: true })
  })

  it('what the policy refuses, before anything is bound', async () => {
    const policy = answering(async () => ({ answer: 'refused' }))
    const { ask, space, calls } = setUp({ policy })
    expect(await ask()).toMatchObject({ code: 'REFUSED' })
    expect(space.puts).toEqual([])
    expect(calls).toEqual([])
  })

  it('R9: to sign without an active key, and tells why there is none', async () => {
    const { ask, service, state, space } = setUp()
    state.active = undefined
    expect(await ask()).toMatchObject({ code: 'NO_KEY' })
    expect(service.publicKey()).toEqual({ ok: false, reason: 'NO_KEY' })
    state.isSigner = false
    expect(await ask()).toMatchObject({ code: 'NOT_A_SIGNER' })
    expect(service.publicKey()).toEqual({ ok: false, reason: 'NOT_A_SIGNER' })
    expect(space.puts).toEqual([])
  })

  it('R17: to sign, or to bind, while another node speaks with its key; also what it has signed already', async () => {
    const { ask, state, space, calls, outcomes } = setUp()
    await ask()
    state.isKeyElsewhere = true
    const bound = space.puts.length
    for (const id of ['aa', 'bb'])
      expect(await ask(itemOf(1), id)).toMatchObject({
        code: 'KEY_IN_USE_ELSEWHERE',
        message: expect.stringContaining('restart'),
      })
    expect([space.puts.length, calls.length]).toEqual([bound, 1])
    expect(outcomes).toContain('KEY_IN_USE_ELSEWHERE')
  })

  it('R17: to sign when it hears so while the binding is written', async () => {
    const space = new FakeSpace()
    const disk = Promise.withResolvers<void>()
    space.gate = disk.promise
    const { ask, state, calls } = setUp({ space })
    const asked = ask()
    state.isKeyElsewhere = true
    disk.resolve()
    expect(await asked).toMatchObject({ code: 'KEY_IN_USE_ELSEWHERE' })
    expect(calls).toEqual([])
  })

  it('R9: a key that was replaced while the binding was written', async () => {
    const space = new FakeSpace()
    const disk = Promise.withResolvers<void>()
    space.gate = disk.promise
    const { ask, state, calls } = setUp({ space })
    const asked = ask()
    state.active = undefined
    disk.resolve()
    expect(await asked).toMatchObject({ code: 'STOPPED' })
    expect(calls).toEqual([])
  })

  it('to hand out a signature that does not verify, and remembers none', async () => {
    const { ask, bindings, groupKey, outcomes } = setUp({
      rounds: { sign: async () => ({ ok: true, signatures: [bad64] }) },
    })
    expect(await codeThrownBy(ask())).toBe('SIGNATURE_INVALID')
    expect((await bindings.lookup(groupKey, 'aa'))?.signatures).toBeUndefined()
    expect(outcomes).toEqual(['error'])
  })

  it.each<[string, (good: readonly Uint8Array[]) => readonly Uint8Array[]]>([
    ['OneMissing', (good) => good.slice(1)],
    ['OneTooMany', (good) => [...good, bad64]],
    ['FirstWrong', (good) => [bad64, ...good.slice(1)]],
    ['LastWrong', (good) => [...good.slice(0, -1), bad64]],
    ['AnotherOrder', (good) => good.toReversed()],
  ])('R27: to hand out any signature of a list that is not signed as a whole: %s', async (_, spoil) => {
    const group = groupOf()
    const rounds = {
      sign: async ({ items }: ThresholdRequest): Promise<SignResult> => ({
        ok: true,
        signatures: spoil(items.map((item) => signAsGroup(group.secret, item))),
      }),
    }
    const { ask, bindings, groupKey } = setUp({ rounds, group })
    expect(await codeThrownBy(ask([itemOf(1), itemOf(2)]))).toBe('SIGNATURE_INVALID')
    expect((await bindings.lookup(groupKey, 'aa'))?.signatures).toBeUndefined()
  })

  it('to hand out a signature under the untweaked key where a tweak was asked for', async () => {
    const group = groupOf()
    const rounds = {
      sign: async ({ items }: ThresholdRequest): Promise<SignResult> => ({
        ok: true,
        signatures: items.map((item) => signAsGroup(group.secret, { ...item, tweak: { kind: 'none' } })),
      }),
    }
    const { ask } = setUp({ rounds, group })
    expect(await ask(itemOf(1))).toMatchObject({ ok: true })
    const tweaked = { ...itemOf(1), tweak: { kind: 'key' as const, merkleRoot: null } }
    expect(await codeThrownBy(ask(tweaked, 'bb'))).toBe('SIGNATURE_INVALID')
  })

  it('everything once bindings could not be written (R30)', async () => {
    const { ask, space, calls } = setUp()
    space.failure = new Error('I/O error')
    expect(await codeThrownBy(ask())).toBe('BINDINGS_FAILED')
    space.failure = undefined
    expect(await codeThrownBy(ask(itemOf(2), 'bb'))).toBe('BINDINGS_FAILED')
    expect(calls).toEqual([])
  })

  it('a signature that could not be remembered (R28)', async () => {
    const { calls, rounds, started } = heldRounds()
    const made = setUp({ rounds })
    const asked = codeThrownBy(made.ask())
    await started(0)
    made.space.failure = new Error('I/O error')
    calls[0]?.end(made.sign(itemOf(1)))
    expect(await asked).toBe('BINDINGS_FAILED')
  })

  it('more rounds at once than the limit, but not to join one', async () => {
    const { calls, rounds, started } = heldRounds()
    const { ask, sign, space } = setUp({ rounds, maxRounds: 1 })
    const first = ask(itemOf(1), 'aa')
    await started(0)
    expect(await ask(itemOf(2), 'bb')).toMatchObject({ code: 'OVERLOADED' })
    expect(space.puts).toHaveLength(1)
    const joined = ask(itemOf(1), 'aa')
    calls[0]?.end(sign(itemOf(1)))
    expect(await joined).toEqual(await first)
    const third = ask(itemOf(2), 'bb')
    await started(1)
    calls[1]?.end(sign(itemOf(2)))
    expect(await third).toMatchObject({ ok: true })
  })
})

describe('threshold service under another key than the current', () => {
  const recalled = groupOf()
  const recalledKey = recalled.share(recalled.members[0] as PublicKey).key.public.groupKey
  const foreign = groupOf(2).share(groupOf(2).members[0] as PublicKey)

  function withRecalled() {
    const current = groupOf()
    const currentKey = current.share(current.members[0] as PublicKey).key.public.groupKey
    const keys = new Map([
      [currentKey, current],
      [recalledKey, recalled],
    ])
    const live = new Set<GroupKey>(keys.keys())
    const state = { isSigner: true, current: true }
    const made = setUp({
      group: current,
      activeKey: (key) => {
        const wanted = key ?? currentKey
        if (!live.has(wanted) || (wanted === currentKey && !state.current)) return undefined
        return { setHash: SET_HASH, groupKey: wanted }
      },
      isSigner: () => state.isSigner,
      shares: { byGroupKey: (k) => keys.get(k)?.share(keys.get(k)?.members[0] as PublicKey) },
      rounds: {
        sign: async ({ groupKey, items }) => {
          const group = keys.get(groupKey)
          if (group === undefined) return timeout()
          return { ok: true, signatures: items.map((item) => signAsGroup(group.secret, item)) }
        },
      },
    })
    const askUnder = (key: GroupKey | undefined, item = itemOf(1), id = 'aa') =>
      made.service.sign(CLIENT, id, [item], made.clock.now() + 5_000, undefined, key)
    return { ...made, askUnder, live, state, currentKey }
  }
  const underKey = (result: SignResult, key: GroupKey, item = itemOf(1)): boolean =>
    result.ok && curve.schnorrVerify(result.signatures[0] ?? bad64, item.digest, Buffer.from(key, 'hex'))

  it('should sign under exactly the key that was asked for', async () => {
    const { askUnder, currentKey, service } = withRecalled()
    expect(underKey(await askUnder(recalledKey), recalledKey)).toBe(true)
    expect(underKey(await askUnder(undefined), currentKey)).toBe(true)
    expect(underKey(await askUnder(currentKey), currentKey)).toBe(true)
    expect(service.publicKey(recalledKey)).toEqual({ ok: true, value: recalledKey })
    expect(service.publicKey()).toEqual({ ok: true, value: currentKey })
  })

  it('R27: should bind request ids per key, so that neither key says what stands under the other', async () => {
    const { askUnder, bindings, currentKey } = withRecalled()
    expect(await askUnder(recalledKey, itemOf(1))).toMatchObject({ ok: true })
    expect(await askUnder(undefined, itemOf(2))).toMatchObject({ ok: true })
    expect(await askUnder(recalledKey, itemOf(2))).toMatchObject({ code: 'EQUIVOCATION' })
    expect(await bindings.lookup(recalledKey, 'aa')).not.toEqual(await bindings.lookup(currentKey, 'aa'))
  })

  it('R9: should refuse a key that is neither, and bind nothing for it', async () => {
    const { askUnder, service, space } = withRecalled()
    const other = foreign.key.public.groupKey
    expect(await askUnder(other)).toMatchObject({ code: 'UNKNOWN_KEY' })
    expect(service.publicKey(other)).toEqual({ ok: false, reason: 'UNKNOWN_KEY' })
    expect(space.puts).toEqual([])
  })

  it('R9: should sign for a removed node under the recalled key alone', async () => {
    const { askUnder, state, service } = withRecalled()
    state.isSigner = false
    state.current = false
    expect(await askUnder(undefined)).toMatchObject({ code: 'NOT_A_SIGNER' })
    expect(service.publicKey()).toEqual({ ok: false, reason: 'NOT_A_SIGNER' })
    expect(underKey(await askUnder(recalledKey), recalledKey)).toBe(true)
  })

  it('R9: should not sign under a key whose recall ended while the binding was written', async () => {
    const { askUnder, live, space } = withRecalled()
    const disk = Promise.withResolvers<void>()
    space.gate = disk.promise
    const asked = askUnder(recalledKey)
    live.delete(recalledKey)
    disk.resolve()
    expect(await asked).toMatchObject({ code: 'STOPPED' })
  })
})

describe('threshold service and the end of a request', () => {
  const asking = (made: ReturnType<typeof setUp>, expiresAtMs: number, item = itemOf(1)) =>
    made.service.sign(CLIENT, 'aa', [item], made.clock.now() + 5_000, undefined, undefined, expiresAtMs)

  it('should bind and sign nothing that has expired', async () => {
    const made = setUp()
    expect(await asking(made, made.clock.now())).toMatchObject({ code: 'NOT_APPROVED' })
    expect(made.space.puts).toEqual([])
    expect(made.calls).toEqual([])
  })
  it('should sign no longer than until then, and tell the rounds so', async () => {
    const made = setUp()
    const end = made.clock.now() + 1_000
    expect(await asking(made, end)).toMatchObject({ ok: true })
    expect(made.calls).toMatchObject([{ deadlineMs: end, request: { expiresAtMs: end } }])
    expect((await made.bindings.lookup(made.groupKey, 'aa'))?.untilMs).toBe(end)
  })
  it('R27: should keep what the id stands for, and R28: the answer to its repeat', async () => {
    const made = setUp()
    const end = made.clock.now() + 1_000
    const first = await asking(made, end)
    made.clock.advance(2_000)
    expect(await asking(made, end)).toEqual(first)
    expect(await asking(made, made.clock.now() + 1_000, itemOf(2))).toMatchObject({ code: 'EQUIVOCATION' })
    expect(await made.ask(itemOf(2))).toMatchObject({ code: 'EQUIVOCATION' })
  })
  it.each([Number.NaN, 0.5, Number.POSITIVE_INFINITY])('should refuse an end at %s', async (end) => {
    const made = setUp()
    expect(await asking(made, end)).toMatchObject({ code: 'REFUSED' })
    expect(made.space.puts).toEqual([])
  })
})

describe('threshold service waits', () => {
  it('no longer than the limit, whatever the caller allows', async () => {
    const { ask, calls, clock } = setUp()
    await ask(itemOf(1), 'aa', 10 * LIMITS.signTimeoutMs)
    expect(calls[0]?.deadlineMs).toBe(clock.now() + LIMITS.signTimeoutMs)
  })

  it('not at all without time', async () => {
    const { ask, calls } = setUp()
    expect(await ask(itemOf(1), 'aa', 0)).toMatchObject({ code: 'TIMEOUT' })
    expect(await ask(itemOf(1), 'bb', -1)).toMatchObject({ code: 'TIMEOUT' })
    expect(calls).toEqual([])
  })

  it("for the round's own word on who is missing", async () => {
    const { calls, rounds, started } = heldRounds()
    const { ask, clock } = setUp({ rounds })
    const asked = ask(itemOf(1), 'aa', 1_000)
    await started(0)
    clock.advance(1_000)
    const missing = groupOf().members
    calls[0]?.end({ ok: false, code: 'TIMEOUT', message: 'silent members', missing, cheaters: [] })
    expect(await asked).toMatchObject({ code: 'TIMEOUT', missing })
  })

  it('not for a round that forgets its deadline, and answers the retry with what it made after all', async () => {
    const { calls, rounds, started } = heldRounds()
    const { ask, clock, sign, outcomes } = setUp({ rounds })
    const asked = ask(itemOf(1), 'aa', 1_000)
    await started(0)
    clock.advance(2_000)
    expect(await asked).toMatchObject({ code: 'TIMEOUT' })
    const again = ask()
    calls[0]?.end(sign(itemOf(1)))
    expect(await again).toMatchObject({ ok: true })
    expect(calls).toHaveLength(1)
    expect(outcomes).toEqual(['TIMEOUT', 'signed'])
  })

  it('on, in a round of its own, when the round it joined ran out of its starter’s time', async () => {
    const { calls, rounds, started } = heldRounds()
    const { ask, clock, sign } = setUp({ rounds })
    const short = ask(itemOf(1), 'aa', 1_000)
    await started(0)
    const long = ask(itemOf(1), 'aa', 9_000)
    await new Promise((resolve) => setImmediate(resolve))
    clock.advance(1_000)
    calls[0]?.end(timeout())
    expect(await short).toMatchObject({ code: 'TIMEOUT' })
    await started(1)
    expect(calls[1]?.deadlineMs).toBe(clock.now() + 8_000)
    calls[1]?.end(sign(itemOf(1)))
    expect(await long).toMatchObject({ ok: true })
  })

  it('for its policy no longer than the caller allows, and tells the policy so', async () => {
    const seen: number[] = []
    const policy = answering(async (_, asking) => {
      seen.push(asking.deadlineMs)
      return { answer: 'not_asked_yet' }
    })
    const { ask, clock, calls } = setUp({ policy })
    // No signer was asked: another code than that of a round that ran out.
    expect(await ask(itemOf(1), 'aa', 700)).toMatchObject({ code: 'NOT_APPROVED' })
    expect(seen).toEqual([clock.now() + 700])
    expect(calls).toEqual([])
  })

  it('no longer for a policy that forgets its deadline, and blames no signer for it', async () => {
    const asked = Promise.withResolvers<void>()
    const policy = answering(() => {
      asked.resolve()
      return new Promise(() => {})
    })
    const { ask, clock } = setUp({ policy })
    const answer = ask(itemOf(1), 'aa', 700)
    await asked.promise
    clock.advance(750)
    expect(await answer).toMatchObject({ code: 'NOT_APPROVED', missing: [] })
  })

  it('with no more requests than the limit for its policy', async () => {
    const { service, clock } = setUp({ policy: answering(() => new Promise(() => {})), maxRounds: 5 })
    const ask = (client: string, id: string) => service.sign(client as PeerIdStr, id, [itemOf(1)], clock.now() + 5_000)
    for (const [client, id] of [
      ['A', 'aa'],
      ['A', 'ab'],
      ['B', 'ba'],
    ] as const)
      void ask(client, id)
    expect(await ask('A', 'ac')).toMatchObject({ code: 'OVERLOADED' })
    void ask('B', 'bb')
    void ask('C', 'ca')
    expect(await ask('C', 'cb')).toMatchObject({ code: 'OVERLOADED' })
  })

  it('again for its policy once the earlier requests are decided', async () => {
    const decided = Promise.withResolvers<void>()
    const policy = answering(async () => {
      await decided.promise
      return { answer: 'refused' }
    })
    const { ask } = setUp({ policy, maxRounds: 2 })
    const first = ask(itemOf(1), 'aa')
    expect(await ask(itemOf(1), 'bb')).toMatchObject({ code: 'OVERLOADED' })
    decided.resolve()
    await first
    expect(await ask(itemOf(1), 'bb')).toMatchObject({ code: 'REFUSED' })
  })

  it('for no policy once it is stopped', async () => {
    const stopped = Promise.withResolvers<void>()
    const policy: SigningPolicy = {
      ...answering(
        (_, { signal }) =>
          new Promise((resolve) => signal.addEventListener('abort', () => resolve({ answer: 'not_asked_yet' }))),
      ),
      stop: stopped.resolve,
    }
    const { ask, service } = setUp({ policy })
    const asked = ask()
    await new Promise((resolve) => setImmediate(resolve))
    await service.stop()
    expect(await asked).toMatchObject({ code: 'STOPPED' })
    await stopped.promise
  })

  it('no longer than the caller stays', async () => {
    const { rounds, started } = heldRounds()
    const { ask } = setUp({ rounds })
    const caller = new AbortController()
    const asked = ask(itemOf(1), 'aa', 5_000, caller.signal)
    await started(0)
    caller.abort()
    expect(await asked).toMatchObject({ code: 'STOPPED' })
  })

  it('no longer than the node runs', async () => {
    const { ask, service, calls } = setUp({
      rounds: {
        sign: (_request, _deadlineMs, signal) =>
          new Promise((resolve) => {
            signal?.addEventListener('abort', () => resolve({ ...timeout(), code: 'STOPPED' } as SignResult))
          }),
      },
    })
    const asked = ask()
    await new Promise((resolve) => setImmediate(resolve))
    await service.stop()
    expect(await asked).toMatchObject({ code: 'STOPPED' })
    expect(await ask(itemOf(2), 'bb')).toMatchObject({ code: 'STOPPED' })
    expect(calls).toEqual([])
  })

  it('not for a round that fails because the node stops', async () => {
    const { ask, service } = setUp({
      rounds: {
        sign: (_request, _deadlineMs, signal) =>
          new Promise((_resolve, reject) => {
            signal?.addEventListener('abort', () => reject(signal.reason))
          }),
      },
    })
    const asked = ask()
    await new Promise((resolve) => setImmediate(resolve))
    await service.stop()
    expect(await asked).toMatchObject({ code: 'STOPPED' })
  })

  it('and passes on that a round failed', async () => {
    const rounds = { sign: () => Promise.reject(new Error('bug')) }
    const { ask, outcomes } = setUp({ rounds })
    await expect(ask()).rejects.toThrow('bug')
    expect(outcomes).toEqual(['error'])
  })

  it('without leaving timers behind', async () => {
    const { ask, clock } = setUp()
    await ask()
    await ask(itemOf(2))
    expect(clock.pending).toBe(0)
  })

  it('and passes on what a failed round says', async () => {
    const result: SignResult = { ok: false, code: 'TIMEOUT', message: 'm', missing: groupOf().members, cheaters: [] }
    const { ask } = setUp({ rounds: { sign: async () => result } })
    expect(await ask()).toEqual(result)
  })
})
