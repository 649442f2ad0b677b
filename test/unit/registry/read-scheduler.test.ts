import { describe, expect, it } from 'vitest'
import { ReadScheduler } from '../../../src/registry/read-scheduler.ts'
import { ManualClock } from './support/ports.ts'

function rig(pollIntervalMs = 10_000) {
  const clock = new ManualClock()
  const open: { resolve: (n: number) => void; reject: (e: unknown) => void; signal: AbortSignal }[] = []
  const startedAt: number[] = []
  const scheduler = new ReadScheduler<number>({
    clock,
    minIntervalMs: 1000,
    pollIntervalMs,
    read: (signal) => {
      startedAt.push(clock.now())
      const read = Promise.withResolvers<number>()
      signal.addEventListener('abort', () => read.reject(signal.reason))
      open.push({ ...read, signal })
      return read.promise
    },
  })
  /** Ends the last read and lets its continuations run. */
  const end = async (outcome: number | Error = 1) => {
    const last = open.at(-1)
    if (outcome instanceof Error) last?.reject(outcome)
    else last?.resolve(outcome)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { clock, scheduler, startedAt, open, end, reads: () => startedAt.length }
}

describe('ReadScheduler', () => {
  it('should read at start, then after each poll interval', async () => {
    const { clock, scheduler, end, reads } = rig()
    scheduler.start()
    clock.advance(0)
    expect(reads()).toBe(1)
    await end()
    clock.advance(9_999)
    expect(reads()).toBe(1)
    clock.advance(1)
    expect(reads()).toBe(2)
  })

  it('should go on polling after any number of failures', async () => {
    const { clock, scheduler, end, reads } = rig()
    scheduler.start()
    clock.advance(0)
    for (let i = 1; i <= 20; i++) {
      expect(reads()).toBe(i)
      await end(new Error('down'))
      clock.advance(10_000)
    }
  })

  it('R10: should make a thousand hints one read per second', async () => {
    const { clock, scheduler, end, startedAt, reads } = rig()
    scheduler.start()
    clock.advance(0)
    await end()
    for (let ms = 0; ms < 3000; ms += 3) {
      scheduler.hint()
      clock.advance(3)
      await end()
    }
    expect(reads()).toBeGreaterThanOrEqual(3)
    for (const [i, at] of startedAt.entries())
      expect(at - (startedAt[i - 1] ?? -1e9), `read ${i}`).toBeGreaterThanOrEqual(1000)
  })

  it('R10: should read once more for a hint that came during a read', async () => {
    const { clock, scheduler, end, reads } = rig()
    scheduler.start()
    clock.advance(0)
    scheduler.hint()
    scheduler.hint()
    await end()
    clock.advance(1000)
    expect(reads()).toBe(2)
    await end()
    clock.advance(1000)
    expect(reads()).toBe(2)
  })

  it('should not put a hint off when the wall clock is set back', async () => {
    const { clock, scheduler, end, reads } = rig(1_000_000)
    scheduler.start()
    clock.advance(0)
    await end()
    clock.jump(-900_000)
    scheduler.hint()
    clock.advance(1000)
    expect(reads()).toBe(2)
  })

  it('should share one read between concurrent callers', async () => {
    const { clock, scheduler, end, reads } = rig()
    scheduler.start()
    const before = [scheduler.readNow(), scheduler.readNow()]
    clock.advance(0)
    const during = scheduler.readNow()
    await end(42)
    expect(await Promise.all([...before, during])).toEqual([42, 42, 42])
    expect(reads()).toBe(1)
  })

  it('should give the failure to every caller', async () => {
    const { clock, scheduler, end } = rig()
    scheduler.start()
    const waiting = Promise.allSettled([scheduler.readNow(), scheduler.readNow()])
    clock.advance(0)
    await end(new Error('down'))
    expect((await waiting).map((w) => w.status)).toEqual(['rejected', 'rejected'])
  })

  it("should end a caller's wait with its signal, and not the read", async () => {
    const { clock, scheduler, open } = rig()
    scheduler.start()
    clock.advance(0)
    const controller = new AbortController()
    const waiting = scheduler.readNow(controller.signal)
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    expect(open[0]?.signal.aborted).toBe(false)
    await expect(scheduler.readNow(AbortSignal.abort(new Error('before')))).rejects.toThrow('before')
  })

  it('should stop: abort the read, refuse the callers, arm nothing; and start again', async () => {
    const { clock, scheduler, open, reads } = rig()
    scheduler.start()
    clock.advance(0)
    const waiting = expect(scheduler.readNow()).rejects.toMatchObject({ code: 'STOPPED' })
    await scheduler.stop()
    await waiting
    expect(open[0]?.signal.aborted).toBe(true)
    scheduler.hint()
    clock.advance(1_000_000)
    expect(reads()).toBe(1)
    expect(clock.pending).toBe(0)
    await expect(scheduler.readNow()).rejects.toMatchObject({ code: 'STOPPED' })
    scheduler.start()
    clock.advance(0)
    expect(reads()).toBe(2)
    await scheduler.stop()
  })
})
