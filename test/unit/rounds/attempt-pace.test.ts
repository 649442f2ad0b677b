import { describe, expect, it } from 'vitest'
import type { PublicKey } from '../../../src/base/index.ts'
import type { Envelope } from '../../../src/p2p/index.ts'
import { AttemptPace, RETRY_MS } from '../../../src/rounds/drivers/attempt-pace.ts'
import { EarlyEnvelopes } from '../../../src/rounds/drivers/early-envelopes.ts'

const member = (n: number) => `02${String(n).padStart(64, '0')}` as PublicKey
const named = (n: number, attempt: number): Envelope =>
  ({ author: member(n), attempt, step: 'open', payload: new Uint8Array(1) }) as unknown as Envelope
const ahead = (...attempts: readonly number[]) => attempts.map((attempt, n) => ({ member: member(n), attempt }))

describe('R19: the number of the next attempt', () => {
  it('should be the next one, whatever one member says', () => {
    expect(new AttemptPace().nextAfter(3, [])).toBe(4)
    expect(new AttemptPace().nextAfter(3, ahead(4_000_000_000))).toBe(4)
  })

  it('should be where two are, so that who was away comes back to the others, but by a bounded step', () => {
    expect(new AttemptPace().nextAfter(3, ahead(9, 30))).toBe(9)
    expect(new AttemptPace().nextAfter(3, ahead(4_000_000_000, 4_000_000_000, 9))).toBe(67)
  })
})

describe('R21: the pause before it', () => {
  const waits = (confirmed: boolean, times: number) => {
    const pace = new AttemptPace()
    return Array.from({ length: times }, () => {
      pace.begun(0)
      pace.ended(0, { confirmed, reason: 'overtaken' })
      return pace.waitMs(0)
    })
  }
  it('should be twice as long with each attempt that was left though it was confirmed, and no longer than five minutes', () => {
    const pauses = waits(true, 12)
    expect(pauses.slice(0, 4)).toEqual([2 * RETRY_MS, 4 * RETRY_MS, 8 * RETRY_MS, 16 * RETRY_MS])
    expect(pauses.at(-1)).toBe(300_000)
  })
  it('should stay short after others, for a member that is away for a while costs nothing', () => {
    expect(waits(false, 12).at(-1)).toBe(RETRY_MS)
  })
})

describe('R19: who is heard in a later attempt', () => {
  it('should be named in the order in which they went there', () => {
    const early = new EarlyEnvelopes()
    early.add(named(1, 2), 0)
    early.add(named(2, 2), 10)
    early.add(named(1, 2), 20)
    expect(early.beyond(1, 30).map((a) => a.member)).toEqual([member(1), member(2)])
    expect(early.beyond(2, 30)).toEqual([])
  })
  it('should be forgotten: one word moves nobody on for ever', () => {
    const early = new EarlyEnvelopes()
    early.add(named(1, 0xffff_ffff), 0)
    expect(early.beyond(1, 9_000)).toHaveLength(1)
    expect(early.beyond(1, 11_000)).toEqual([])
  })
  it('should count by what it says now, not by the highest number it ever said', () => {
    const early = new EarlyEnvelopes()
    early.add(named(1, 1_000), 0)
    early.add(named(1, 5), 11_000)
    expect(early.beyond(1, 11_000)).toEqual([{ member: member(1), attempt: 5 }])
  })
})
