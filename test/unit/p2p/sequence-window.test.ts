import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SEQUENCE_WINDOW, SequenceWindow } from '../../../src/p2p/sequence-window.ts'

const windowAfter = (...taken: readonly (readonly [boot: number, counter: number])[]): SequenceWindow => {
  const window = new SequenceWindow()
  for (const [boot, counter] of taken) window.take(boot, counter)
  return window
}

describe('sequence window', () => {
  it('R16: should call the first word of an author fresh, whatever its numbers', () => {
    expect(new SequenceWindow().ask(0, 0)).toBe('fresh')
    expect(new SequenceWindow().ask(9, 1_000_000)).toBe('fresh')
  })
  it('R16: should refuse the same counter twice', () => {
    expect(windowAfter([1, 5]).ask(1, 5)).toBe('replay')
  })
  it('R16: should take counters out of order', () => {
    expect(windowAfter([1, 5000]).ask(1, 4999)).toBe('fresh')
    expect(windowAfter([1, 5000]).ask(1, 5000 - SEQUENCE_WINDOW + 1)).toBe('fresh')
  })
  it('R16: should refuse what has left the window, as it can not be told from a replay', () => {
    expect(windowAfter([1, 5000]).ask(1, 5000 - SEQUENCE_WINDOW)).toBe('replay')
  })
  it('R16: should start afresh at a new boot', () => {
    expect(windowAfter([1, 5]).ask(2, 5)).toBe('fresh')
    expect(windowAfter([1, 5], [2, 9]).ask(2, 5)).toBe('fresh')
  })
  it('R16: should refuse an older boot for ever', () => {
    expect(windowAfter([1, 5], [2, 0]).ask(1, 6)).toBe('older_boot')
  })
  it('R16: should not confuse counters one window apart', () => {
    expect(windowAfter([1, 3], [1, 3 + SEQUENCE_WINDOW]).ask(1, 3 + SEQUENCE_WINDOW + 1)).toBe('fresh')
    expect(windowAfter([1, 3], [1, 2 + SEQUENCE_WINDOW], [1, 4 + SEQUENCE_WINDOW]).ask(1, 3 + SEQUENCE_WINDOW)).toBe(
      'fresh',
    )
  })

  it('R16: should agree with a memory of everything, inside the window', () => {
    const step = fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 * SEQUENCE_WINDOW }))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const window = new SequenceWindow()
        let newest = -1
        let highest = -1
        let seen = new Set<number>()
        for (const [boot, counter] of steps) {
          const isOld = boot < newest
          if (boot > newest) [newest, highest, seen] = [boot, -1, new Set()]
          const isGone = !isOld && counter <= highest - SEQUENCE_WINDOW
          const expected = isOld ? 'older_boot' : isGone || seen.has(counter) ? 'replay' : 'fresh'
          expect(window.ask(boot, counter)).toBe(expected)
          if (expected !== 'fresh') continue
          window.take(boot, counter)
          seen.add(counter)
          highest = Math.max(highest, counter)
        }
      }),
    )
  })
})
