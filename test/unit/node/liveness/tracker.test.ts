import { beforeEach, describe, expect, it } from 'vitest'
import { LIMITS, type PublicKey } from '../../../../src/base/index.ts'
import { LivenessTracker } from '../../../../src/node/liveness/tracker.ts'
import { ManualClock } from '../../registry/support/ports.ts'
import { ANN, BEN, beatOf, CAT, DAN, OTHER_SET, OWN_SET } from './kit.ts'

const [ann, ben, cat] = [ANN.publicKey, BEN.publicKey, CAT.publicKey]
let clock: ManualClock
let tracker: LivenessTracker
beforeEach(() => {
  clock = new ManualClock()
  tracker = new LivenessTracker(clock)
  tracker.expect([ann, ben, cat], OWN_SET)
})
const hear = (key: PublicKey, counter: number, over = {}, boot = 1) =>
  tracker.heard(key, { boot, counter }, beatOf(clock.now(), over))

describe('liveness of a member', () => {
  it('should be never heard, then alive, then silent after three missed beats', () => {
    expect(tracker.of(ann)).toMatchObject({ sign: 'never', lastHeardAtMs: undefined, overdue: false })
    hear(ann, 1)
    clock.advance(3 * LIMITS.heartbeatMs)
    expect(tracker.of(ann)).toMatchObject({ sign: 'alive', overdue: false })
    clock.advance(LIMITS.silentAfterMs - 3 * LIMITS.heartbeatMs)
    expect(tracker.of(ann)?.sign).toBe('alive')
    clock.advance(1)
    expect(tracker.of(ann)).toMatchObject({ sign: 'silent', overdue: true })
    hear(ann, 2)
    expect(tracker.of(ann)?.sign).toBe('alive')
  })
  it.each([-3_600_000, 3_600_000])('should not change by a wall clock that is set by %i ms', (jumpMs) => {
    hear(ann, 1)
    clock.jump(jumpMs)
    expect(tracker.of(ann)?.sign).toBe('alive')
    clock.advance(LIMITS.silentAfterMs + 1)
    expect(tracker.of(ann)).toMatchObject({ sign: 'silent', overdue: true, clockOffsetMs: undefined })
  })
  it('should be overdue when it was never heard for as long, counted from when it was expected', () => {
    clock.advance(LIMITS.silentAfterMs)
    tracker.expect([ann, ben, cat, DAN.publicKey], OWN_SET)
    clock.advance(1)
    expect(tracker.of(ann)).toMatchObject({ sign: 'never', overdue: true })
    expect(tracker.of(DAN.publicKey)).toMatchObject({ sign: 'never', overdue: false })
  })
  it.each<[string, number, number]>([
    ['a repetition', 1, 5],
    ['an overtaken beat', 1, 4],
    ['a beat of an older boot', 0, 99],
  ])('R16: should not be moved by %s', (_what, boot, counter) => {
    hear(ann, 5)
    const before = tracker.of(ann)
    clock.advance(1_000)
    expect(hear(ann, counter, { setHash: OTHER_SET }, boot)).toBe('older')
    expect(tracker.of(ann)).toEqual(before)
  })
  it('should begin again with a new boot', () => {
    hear(ann, 500)
    expect(hear(ann, 0, { burnHeight: 8 }, 2)).toBe('news')
    expect(tracker.of(ann)?.beat?.burnHeight).toBe(8)
  })
  it('should be kept of nobody who is not expected', () => {
    expect(hear(DAN.publicKey, 1)).toBe('unexpected')
    tracker.clockSeen(DAN.publicKey, 5)
    expect(tracker.of(DAN.publicKey)).toBeUndefined()
    expect(tracker.members().size).toBe(3)
  })
  it('should be forgotten of who leaves, and kept of who stays', () => {
    hear(ann, 1)
    hear(ben, 1)
    tracker.expect([ben, cat], OWN_SET)
    tracker.expect([ann, ben, cat], OWN_SET)
    expect([tracker.of(ann)?.sign, tracker.of(ben)?.sign]).toEqual(['never', 'alive'])
  })
})

describe('divergence of a member', () => {
  it('should count from the first beat that claims another set, until one that claims ours', () => {
    hear(ann, 1)
    expect(tracker.of(ann)?.divergesSinceMs).toBeUndefined()
    hear(ann, 2, { setHash: OTHER_SET })
    const since = clock.now()
    clock.advance(10_000)
    hear(ann, 3, { setHash: OTHER_SET })
    expect(tracker.of(ann)?.divergesSinceMs).toBe(since)
    hear(ann, 4)
    expect(tracker.of(ann)?.divergesSinceMs).toBeUndefined()
  })
  it('should be seen when this node is the one that changes', () => {
    hear(ann, 1)
    clock.advance(5)
    tracker.expect([ann, ben], OTHER_SET)
    expect(tracker.of(ann)?.divergesSinceMs).toBe(clock.now())
    expect(tracker.of(ben)?.divergesSinceMs).toBeUndefined()
    tracker.expect([ann, ben], OWN_SET)
    expect(tracker.of(ann)?.divergesSinceMs).toBeUndefined()
  })
})

describe("R17: members' clocks", () => {
  const ahead = (key: PublicKey, counter: number, ms: number) =>
    tracker.heard(key, { boot: 1, counter }, beatOf(clock.now() + ms))

  it('should be the median of those heard lately', () => {
    ahead(ann, 1, 100)
    expect(tracker.clock()).toEqual({ offsetMs: undefined, witnesses: 1 })
    ahead(ben, 1, 300)
    ahead(cat, 1, 90_000)
    expect(tracker.clock()).toEqual({ offsetMs: 300, witnesses: 3 })
    clock.advance(LIMITS.silentAfterMs + 1)
    expect(tracker.clock()).toEqual({ offsetMs: undefined, witnesses: 0 })
  })
  it('should not be thought behind because a beat came late', () => {
    ahead(ann, 1, 100)
    ahead(ann, 2, -40_000)
    expect(tracker.of(ann)?.clockOffsetMs).toBe(100)
  })
  it('should follow a clock that was set back, after a few beats', () => {
    ahead(ann, 1, 100)
    for (let i = 2; i < 5; i++) ahead(ann, i, -40_000)
    expect(tracker.of(ann)?.clockOffsetMs).toBe(-40_000)
  })
  it('should be known also of members whose words are refused for their time', () => {
    tracker.clockSeen(ann, 100_000)
    tracker.clockSeen(ben, 100_000)
    expect(tracker.clock()).toEqual({ offsetMs: 100_000, witnesses: 2 })
    expect(tracker.of(ann)).toMatchObject({ sign: 'never', clockOffsetMs: 100_000 })
  })
})
