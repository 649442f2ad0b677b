import { describe, expect, it } from 'vitest'
import { asGroupKey, type PublicKey } from '../../../src/base/index.ts'
import type { Asker } from '../../../src/signer/policy/decisions.ts'
import { pauseMs, Questions } from '../../../src/signer/policy/questions.ts'
import type { Verdict } from '../../../src/signer/policy/validator.ts'
import { FakeClock, itemOf, memberKeys } from './fixtures.ts'

const groupKey = asGroupKey('11'.repeat(32))
const MEMBERS = memberKeys(6)
const [MEMBER, OTHER] = MEMBERS as [PublicKey, PublicKey]
const request = (n: number, expiresAtMs?: number) => ({
  ...{ requestId: n.toString(16).padStart(4, '0'), groupKey, items: [itemOf(1)] },
  ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
})
const REFUSED: Verdict = { decision: 'refuse', reason: 'validator' }
const LATER: Verdict = { decision: 'later', reason: 'validator_later' }
const APPROVED: Verdict = { decision: 'approve', reason: 'validator' }
const BUSY = { decision: 'later', reason: 'validator_busy' }
const settled = () => new Promise((resolve) => setImmediate(resolve))

/** Questions that are answered when the test says so, or at once with `verdict`. */
function questions(verdict?: Verdict) {
  const clock = new FakeClock()
  const open: { id: string; by: Asker; answer: (verdict: Verdict) => void }[] = []
  let asked = 0
  const made = new Questions({
    clock,
    refusalTtlMs: 60_000,
    random: () => 0.5,
    ask: (request, by) => {
      asked++
      if (verdict !== undefined) return Promise.resolve(verdict)
      return new Promise((answer) => open.push({ id: request.requestId, by, answer }))
    },
  })
  const signal = new AbortController().signal
  const own = (n: number, withinMs = 1_000) => made.askOwn(request(n), 'bridge', withinMs, signal)
  return { made, clock, open, own, asked: () => asked }
}

describe('questions to the validator', () => {
  it('should be at most two at once for one coordinator', async () => {
    const { made, open } = questions()
    const asked = [1, 2].map((n) => made.askFor(MEMBER, request(n)))
    expect(await made.askFor(MEMBER, request(3))).toEqual(BUSY)
    open[0]?.answer(LATER)
    await asked[0]
    void made.askFor(MEMBER, request(3))
    expect(open).toHaveLength(3)
  })
  it('should be at most eight at once for all members, which take no place of own bridges', async () => {
    const { made, open, own } = questions()
    MEMBERS.forEach((member, i) => {
      for (const n of [2 * i, 2 * i + 1]) void made.askFor(member, request(n))
    })
    expect(open).toHaveLength(8)
    void own(100)
    await settled()
    expect(open.at(-1)).toMatchObject({ by: { kind: 'bridge' } })
    expect(open).toHaveLength(9)
  })
  it('should be no more than a coordinator may cause, whatever it asks; others go on', async () => {
    const { made, asked, clock } = questions(LATER)
    for (let n = 0; n < 100; n++) await made.askFor(MEMBER, request(n))
    expect(asked()).toBe(32)
    await made.askFor(OTHER, request(200))
    expect(asked()).toBe(33)
    clock.advance(1_000)
    for (let n = 300; n < 400; n++) await made.askFor(MEMBER, request(n))
    expect(asked()).toBe(37)
  })
  it('should not be repeated for members while a refusal stands, whoever coordinates', async () => {
    const { made, asked, clock } = questions(REFUSED)
    expect(await made.askFor(MEMBER, request(1))).toEqual(REFUSED)
    clock.advance(59_999)
    expect(await made.askFor(OTHER, request(1))).toEqual(REFUSED)
    expect(asked()).toBe(1)
    clock.advance(1)
    await made.askFor(OTHER, request(1))
    expect(asked()).toBe(2)
  })
  it('should not be repeated before a refused request ends by itself', async () => {
    const { made, asked, clock } = questions(REFUSED)
    const ending = request(1, clock.now() + 500_000)
    await made.askFor(MEMBER, ending)
    clock.advance(499_999)
    await made.askFor(MEMBER, ending)
    expect(asked()).toBe(1)
  })
  it('should be repeated ever less often for members while they are put off', async () => {
    const { made, asked, clock } = questions(LATER)
    for (let s = 0; s < 600; s++) {
      await made.askFor(MEMBER, request(1))
      clock.advance(100)
    }
    expect(asked()).toBeGreaterThan(6)
    expect(asked()).toBeLessThan(14)
  })
  it('should be asked for another list of items under the same id', async () => {
    const { made, asked } = questions(REFUSED)
    await made.askFor(MEMBER, request(1))
    await made.askFor(MEMBER, { ...request(1), items: [itemOf(2)] })
    expect(asked()).toBe(2)
  })
  it('should not hold up an own bridge by what members heard before', async () => {
    const { made, asked, own } = questions(REFUSED)
    await made.askFor(MEMBER, request(1))
    await own(1)
    expect(asked()).toBe(2)
  })
  it('should be at most eight at once for own bridges; the others wait their turn', async () => {
    const { open, own } = questions()
    const asked = Array.from({ length: 10 }, (_, n) => own(n))
    await settled()
    expect(open).toHaveLength(8)
    open[3]?.answer(APPROVED)
    expect(await asked[3]).toEqual(APPROVED)
    await settled()
    expect(open.map(({ id }) => id)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8].map((n) => request(n).requestId))
  })
  it('should be waited for no longer than the bridge does, and leave no place taken', async () => {
    const { open, own, clock } = questions()
    for (let n = 0; n < 8; n++) void own(n)
    const late = own(8, 500)
    await settled()
    clock.advance(500)
    expect(await late).toEqual(BUSY)
    for (const { answer } of open) answer(LATER)
    await settled()
    void own(9)
    await settled()
    expect(open.at(-1)).toMatchObject({ id: request(9).requestId })
    expect(clock.pending).toBe(0)
  })
  it('should be one for all own bridges that wait to ask the same', async () => {
    const { open, own } = questions()
    for (let n = 0; n < 8; n++) void own(n)
    const [a, b] = [own(8), own(8)]
    await settled()
    for (const { answer } of open.splice(0)) answer(LATER)
    await settled()
    expect(open.map(({ id }) => id)).toEqual([request(8).requestId])
    open[0]?.answer(APPROVED)
    expect(await Promise.all([a, b])).toEqual([APPROVED, APPROVED])
  })
})

it('pauses should double, with a half at random, up to 15 s', () => {
  expect([1, 2, 3, 4, 7, 100].map((n) => pauseMs(n, () => 0))).toEqual([125, 250, 500, 1_000, 7_500, 7_500])
  expect(pauseMs(1, () => 1)).toBe(250)
  expect(pauseMs(100, () => 1)).toBe(15_000)
})
