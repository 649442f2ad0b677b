import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Clock, patient, systemClock } from '../../../src/base/index.ts'

let fired: number[]
/** Timers that are called when a test says so, however late. */
class LateClock implements Clock {
  readonly timers: Array<{ readonly delayMs: number; readonly fn: () => void }> = []
  now = () => 0
  monotonicMs = () => 0
  after(delayMs: number, fn: () => void) {
    const timer = { delayMs, fn }
    this.timers.push(timer)
    return () => void this.timers.splice(this.timers.indexOf(timer), 1)
  }
}
beforeEach(() => {
  vi.useFakeTimers()
  fired = []
})
afterEach(() => {
  vi.useRealTimers()
})

describe('a patient clock', () => {
  it('should fire once, after as long as it was asked', () => {
    patient(systemClock).after(1_000, () => fired.push(performance.now()))
    vi.advanceTimersByTime(999)
    expect(fired).toHaveLength(0)
    vi.advanceTimersByTime(1)
    expect(fired).toHaveLength(1)
    vi.advanceTimersByTime(10_000)
    expect(fired).toHaveLength(1)
  })
  it('should count a stop of any length as one part of a wait', () => {
    const clock = new LateClock()
    patient(clock).after(1_000, () => fired.push(1))
    const parts: number[] = []
    for (let timer = clock.timers.shift(); timer !== undefined; timer = clock.timers.shift()) {
      expect(fired).toHaveLength(0)
      parts.push(timer.delayMs)
      timer.fn()
    }
    expect(parts).toEqual([250, 250, 250, 250])
    expect(fired).toHaveLength(1)
  })
  it('should forget a wait in any part of it', () => {
    for (const passedMs of [0, 300, 900]) {
      const cancel = patient(systemClock).after(1_000, () => fired.push(1))
      vi.advanceTimersByTime(passedMs)
      cancel()
      cancel()
    }
    vi.advanceTimersByTime(10_000)
    expect([fired, vi.getTimerCount()]).toEqual([[], 0])
  })
})
