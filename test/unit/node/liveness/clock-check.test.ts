import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LIMITS } from '../../../../src/base/index.ts'
import { isClockWrong, judgeClock, MAX_CLOCK_OFFSET_MS } from '../../../../src/node/liveness/clock-check.ts'

const OFF = MAX_CLOCK_OFFSET_MS + 1
const offsetOf = (...offsets: number[]) => judgeClock(offsets).offsetMs

describe("R17: our clock against the members' median", () => {
  it('should tolerate half of what envelopes do', () => {
    expect(MAX_CLOCK_OFFSET_MS).toBe(LIMITS.clockSkewMs / 2)
    for (const sign of [-1, 1]) {
      expect(isClockWrong(judgeClock([sign * OFF, sign * OFF, sign * OFF]))).toBe(true)
      expect(isClockWrong(judgeClock([sign * (OFF - 1), sign * (OFF - 1)]))).toBe(false)
    }
  })
  it.each<[string, number[], number | undefined]>([
    ['of none', [], undefined],
    ['of one, which proves nothing', [OFF], undefined],
    ['of two that agree, the milder', [OFF, 2 * OFF], OFF],
    ['of two behind, the milder', [-OFF, -2 * OFF], -OFF],
    ['of two of which one is right', [0, OFF], 0],
    ['of two that contradict each other', [-OFF, OFF], 0],
    ['of three', [5, OFF, 7], 7],
    ['of four', [1, 2, 3, OFF], 2],
  ])('should be the one %s', (_what, offsets, expected) => {
    expect(offsetOf(...offsets)).toBe(expected)
    expect(offsetOf(...offsets.toReversed())).toBe(expected)
  })
  it('should not be moved over the line by liars that are fewer than half', () => {
    const honest = fc.integer({ min: -1_000, max: 1_000 })
    fc.assert(
      fc.property(
        fc.array(honest, { minLength: 1, maxLength: 20 }),
        fc.array(fc.integer(), { maxLength: 20 }),
        (h, l) => {
          const liars = l.slice(0, h.length - 1)
          expect(isClockWrong(judgeClock([...h, ...liars]))).toBe(false)
          expect(isClockWrong(judgeClock([...h, ...liars.slice(0, 1)]))).toBe(false)
        },
      ),
    )
  })
})
