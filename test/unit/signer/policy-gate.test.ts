import { describe, expect, it } from 'vitest'
import {
  asGroupKey,
  type LogFields,
  type Logger,
  type Metrics,
  type PeerIdStr,
  type PublicKey,
  silentLogger,
} from '../../../src/base/index.ts'
import { type Asking, createPolicy, type PolicyInit, requestBindings } from '../../../src/signer/index.ts'
import { FakeClock, FakeSpace, itemOf, memberKeys, policyInit } from './fixtures.ts'

const BRIDGE = '16Uiu2HAbridge' as PeerIdStr
const [MEMBER, OTHER] = memberKeys(2) as [PublicKey, PublicKey]
const groupKey = asGroupKey('11'.repeat(32))
const HOUR_MS = 3_600_000
const request = (fill: number, end?: number, requestId = 'aa') => ({
  ...{ requestId, groupKey, items: [itemOf(fill)] },
  ...(end === undefined ? {} : { expiresAtMs: end }),
})

function policyOver(change: Partial<PolicyInit> = {}, space = new FakeSpace(), clock = new FakeClock()) {
  const bindings = requestBindings({ space, logger: silentLogger, onFatal: () => {} })
  const policy = createPolicy({ ...policyInit, bindings, clock, ...change })
  const asking: Asking = { client: BRIDGE, deadlineMs: clock.now() + 1_000, signal: new AbortController().signal }
  return { policy, bindings, clock, space, asking }
}

describe('a consent (R27)', () => {
  it('should stand for the configured time after the bridge asked, and no longer', async () => {
    const { policy, clock, asking } = policyOver()
    await policy.approve(request(1), asking)
    clock.advance(HOUR_MS - 1)
    expect(await policy.consent(request(1), MEMBER)).toBe('yes')
    clock.advance(1)
    expect(await policy.consent(request(1), MEMBER)).toBe('not_asked_yet')
    expect(policy.decisions().waiting).toMatchObject([{ reason: 'consent_over' }])
  })
  it('should not stand longer after a restart', async () => {
    const { policy, clock, space, asking } = policyOver()
    await policy.approve(request(1), asking)
    clock.advance(HOUR_MS)
    expect(await policyOver({}, space, clock).policy.consent(request(1), MEMBER)).toBe('not_asked_yet')
  })
  it('should stand anew when the same is asked again; another one is refused for ever', async () => {
    const { policy, clock, asking } = policyOver()
    await policy.approve(request(1), asking)
    clock.advance(HOUR_MS)
    expect(await policy.approve(request(2), asking)).toEqual({ answer: 'equivocation' })
    expect(await policy.approve(request(1), asking)).toMatchObject({ answer: 'yes' })
    expect(await policy.consent(request(1), MEMBER)).toBe('yes')
    expect(await policy.consent(request(2), MEMBER)).toBe('refused')
  })
  it('should end when the request says so', async () => {
    const { policy, clock, asking } = policyOver()
    await policy.approve(request(1, clock.now() + 500), asking)
    clock.advance(499)
    expect(await policy.consent(request(1), MEMBER)).toBe('yes')
    clock.advance(1)
    expect(await policy.consent(request(1), MEMBER)).toBe('not_asked_yet')
  })
  it.each(['bridge', 'auto'] as const)('should not be given to an expired request, under policy %s', async (kind) => {
    const network = kind === 'auto' ? { chainId: 0x80000000, network: 'devnet' } : {}
    const { policy, clock, asking, space } = policyOver({ kind, ...network })
    const end = clock.now()
    expect(await policy.approve(request(1, end), asking)).toEqual({ answer: 'not_asked_yet' })
    expect(await policy.consent(request(1, end), MEMBER)).toBe('refused')
    expect(space.puts).toEqual([])
    await policy.approve(request(1), asking)
    expect(await policy.consent(request(1, end), MEMBER)).toBe('refused')
  })
  it.each([Number.NaN, -1, 0, 1.5, 2 ** 60])('should be refused to a request that ends at %s', async (end) => {
    const { policy } = policyOver()
    expect(await policy.consent(request(1, end), MEMBER)).toBe('refused')
  })
  it('R28: should not be needed for what is signed already: the repeat has its answer, expired or not', async () => {
    const { policy, bindings, clock, asking } = policyOver()
    await policy.approve(request(1), asking)
    await bindings.remember(request(1), [new Uint8Array(64)])
    const answer = await policy.approve(request(1, clock.now()), asking)
    expect(answer).toMatchObject({ answer: 'yes', binding: { signatures: [new Uint8Array(64)] } })
  })
})

describe("a policy's reasons", () => {
  /** What is written at `warn`. */
  function warnings() {
    const lines: LogFields[] = []
    const logger: Logger = { ...silentLogger, warn: (_, fields) => void lines.push(fields ?? {}), child: () => logger }
    return { logger, lines }
  }

  it('should be told to this operator: who asked, for what, why not', async () => {
    const { logger, lines } = warnings()
    const counted: unknown[] = []
    const metrics: Metrics = {
      counter: () => ({ inc: (labels) => void counted.push(labels) }),
      gauge: () => ({ set() {} }),
    }
    const { policy, asking, clock } = policyOver({ logger, metrics })
    await policy.approve(request(1), asking)
    await policy.consent(request(2), MEMBER)
    clock.advance(5)
    await policy.consent(request(2), OTHER)
    await policy.consent(request(3, undefined, 'bb'), MEMBER)
    const [nowMs, at] = [clock.now(), { groupKey, detail: null }]
    expect(policy.decisions()).toEqual({
      approved: [
        {
          ...at,
          requestId: 'aa',
          askedBy: BRIDGE,
          reason: 'asked',
          firstAtMs: nowMs - 5,
          lastAtMs: nowMs - 5,
          times: 1,
        },
      ],
      refused: [
        {
          ...at,
          requestId: 'aa',
          askedBy: OTHER,
          reason: 'other_items',
          firstAtMs: nowMs - 5,
          lastAtMs: nowMs,
          times: 2,
        },
      ],
      waiting: [
        { ...at, requestId: 'bb', askedBy: MEMBER, reason: 'not_asked', firstAtMs: nowMs, lastAtMs: nowMs, times: 1 },
      ],
    })
    expect(lines).toEqual([
      { answer: 'refused', reason: 'other_items', askedBy: MEMBER, requestId: 'aa', groupKey, detail: null },
    ])
    expect(counted).toEqual([
      { asked_by: 'bridge', answer: 'yes', reason: 'asked' },
      { asked_by: 'member', answer: 'refused', reason: 'other_items' },
      { asked_by: 'member', answer: 'refused', reason: 'other_items' },
      { asked_by: 'member', answer: 'not_asked_yet', reason: 'not_asked' },
    ])
  })

  it('should be kept for the youngest requests only, whatever members ask', async () => {
    const { policy } = policyOver()
    for (let i = 0; i < 100; i++) await policy.consent(request(1, undefined, i.toString(16).padStart(2, '0')), MEMBER)
    const { waiting } = policy.decisions()
    expect(waiting).toHaveLength(64)
    expect(waiting.at(-1)).toMatchObject({ requestId: '63' })
  })
  it('R27: should be kept of own bridges, however much members ask', async () => {
    const { policy, asking, clock } = policyOver()
    await policy.approve(request(1), asking)
    expect(await policy.approve(request(2), asking)).toEqual({ answer: 'equivocation' })
    clock.advance(1)
    for (let i = 0; i < 100; i++) {
      await policy.consent(request(1, 1, (1_000 + i).toString(16).padStart(4, '0')), MEMBER)
      clock.advance(1)
    }
    const { refused } = policy.decisions()
    expect(refused[0]).toMatchObject({ requestId: 'aa', askedBy: BRIDGE, reason: 'other_items' })
    expect(refused).toHaveLength(1 + 64)
    expect(refused.map((d) => d.lastAtMs)).toEqual(refused.map((d) => d.lastAtMs).toSorted((a, b) => a - b))
  })
  it('should not keep what has no shape: its id may be anything', async () => {
    const { policy } = policyOver()
    await policy.consent({ ...request(1), requestId: '<script>' }, MEMBER)
    expect(policy.decisions().refused).toEqual([])
  })
  it('should not let members fill the log', async () => {
    const { logger, lines } = warnings()
    const { policy, asking, clock } = policyOver({ logger })
    for (let i = 0; i < 50; i++) {
      const id = i.toString(16).padStart(2, '0')
      await policy.approve(request(1, undefined, id), asking)
      await policy.consent(request(2, undefined, id), MEMBER)
    }
    expect(lines).toHaveLength(20)
    clock.advance(10_000)
    await policy.approve(request(1, undefined, 'ff'), asking)
    await policy.consent(request(2, undefined, 'ff'), MEMBER)
    expect(lines).toHaveLength(21)
  })
})
