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
  it('should be at most two at once for one coordinator; few wait their turn, the rest is turned away', async () => {
    const { made, open } = questions()
    const asked = [1, 2, 3, 4, 5, 6].map((n) => made.askFor(MEMBER, request(n)))
    expect(await made.askFor(MEMBER, request(7))).toEqual(BUSY)
    expect(open).toHaveLength(2)
    for (let i = 0; i < 6; i++) {
      open[i]?.answer(LATER)
      expect(await asked[i]).toEqual(LATER)
      await settled()
      expect(open).toHaveLength(Math.min(6, i + 3))
    }
    expect(open.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6].map((n) => request(n).requestId))
  })
  it('R27: should be asked at once for a coordinator that has none open, though four others ask without end', async () => {
    const { made, open } = questions()
    for (let n = 0; n < 40; n++) void made.askFor(MEMBERS[1 + (n % 4)] as PublicKey, request(n))
    await settled()
    expect(open).toHaveLength(6)
    void made.askFor(MEMBER, request(100))
    expect(open.at(-1)).toMatchObject({ id: request(100).requestId, by: { name: MEMBER } })
  })
  it('R27: should give the next place to who has fewest, and of those to who has waited longest', async () => {
    const crowd = memberKeys(12)
    const { made, open } = questions()
    for (const n of [0, 1, 2, 3]) crowd.slice(0, 11).forEach((m, i) => void made.askFor(m, request(100 * n + i)))
    await settled()
    // Eight have one each. The next ones are those that have none, in the order in which they came.
    expect(open.map(({ by }) => by.name)).toEqual(crowd.slice(0, 8))
    void made.askFor(crowd[11] as PublicKey, request(999))
    for (let i = 0; i < 12; i++) {
      open[i]?.answer(LATER)
      await settled()
    }
    const turns = [8, 9, 10, 0, 1, 2, 3, 4, 5, 6, 7, 11].map((i) => crowd[i])
    expect(open.slice(8).map(({ by }) => by.name)).toEqual(turns)
  })
  it('should be waited for no longer than half a round, and leave no place taken', async () => {
    const { made, open, clock } = questions()
    for (const n of [1, 2]) void made.askFor(MEMBER, request(n))
    const late = made.askFor(MEMBER, request(3))
    await settled()
    clock.advance(9_999)
    await settled()
    const later = made.askFor(MEMBER, request(4))
    clock.advance(1)
    expect(await late).toEqual(BUSY)
    open[0]?.answer(LATER)
    await settled()
    expect(open.map(({ id }) => id)).toEqual([1, 2, 4].map((n) => request(n).requestId))
    for (const { answer } of open) answer(REFUSED)
    expect(await later).toEqual(REFUSED)
    expect(clock.pending).toBe(0)
    void made.askFor(MEMBER, request(5))
    void made.askFor(MEMBER, request(6))
    expect(open).toHaveLength(5)
  })
  it('should not be asked any more, once its turn comes, where others have the answer or its allowance is used up', async () => {
    const { made, open } = questions()
    for (const n of [1, 2]) void made.askFor(MEMBER, request(n))
    const waiting = made.askFor(MEMBER, request(3))
    const other = made.askFor(OTHER, request(3))
    expect(open).toHaveLength(3)
    open[0]?.answer(LATER)
    await settled()
    expect(open).toHaveLength(3)
    open[2]?.answer(REFUSED)
    expect(await Promise.all([waiting, other])).toEqual([REFUSED, REFUSED])
    const ids = Array.from({ length: 40 }, (_, i) => 50 + i)
    for (const id of ids) {
      void made.askFor(MEMBER, request(id))
      await settled()
      if (id > 60) open.at(-1)?.answer(LATER)
      await settled()
    }
    expect(open.filter(({ by }) => by.name === MEMBER).length).toBeLessThanOrEqual(32)
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
