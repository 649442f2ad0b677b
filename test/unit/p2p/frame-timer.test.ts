import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FrameTimer } from '../../../src/p2p/frame-timer.ts'

let slow = 0
let timer: FrameTimer
beforeEach(() => {
  vi.useFakeTimers()
  slow = 0
  timer = new FrameTimer(1_000, () => slow++)
})
afterEach(() => {
  vi.useRealTimers()
})

describe('the timer of a frame', () => {
  it('should end a frame that has begun and does not end, however its bytes come', () => {
    for (let i = 0; i < 10; i++) {
      timer.onBytes(false)
      expect(slow).toBe(0)
      vi.advanceTimersByTime(100)
    }
    expect(slow).toBe(1)
  })
  it('should never end a stream between frames, and hold no timer for it', () => {
    timer.onBytes(true)
    expect(vi.getTimerCount()).toBe(0)
    timer.onBytes(false)
    timer.onFrame()
    timer.onBytes(true)
    vi.advanceTimersByTime(100_000)
    expect([slow, vi.getTimerCount()]).toEqual([0, 0])
  })
  it('should give each frame its own time, though every chunk ends inside one', () => {
    for (let i = 0; i < 10; i++) {
      timer.onBytes(false)
      vi.advanceTimersByTime(600)
      timer.onFrame()
    }
    expect(slow).toBe(0)
    timer.onBytes(false)
    vi.advanceTimersByTime(2_000)
    expect(slow).toBe(1)
  })
  it('should begin anew after a time in which nothing was read', () => {
    timer.onBytes(false)
    vi.advanceTimersByTime(900)
    timer.hold()
    vi.advanceTimersByTime(10_000)
    expect(slow).toBe(0)
    timer.release()
    vi.advanceTimersByTime(2_000)
    expect(slow).toBe(1)
  })
  it('should be silent once it is stopped', () => {
    timer.onBytes(false)
    timer.stop()
    vi.advanceTimersByTime(10_000)
    expect(slow).toBe(0)
  })
})
