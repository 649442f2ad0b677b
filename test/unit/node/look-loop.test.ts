import { beforeEach, describe, expect, it } from 'vitest'
import { LookLoop } from '../../../src/node/look-loop.ts'
import { CountingMetrics, ManualClock, MemoryLogger } from '../registry/support/ports.ts'

let clock: ManualClock
let logger: MemoryLogger
let metrics: CountingMetrics
let told: string[]
let monotonicMs: number
const looks = (...all: readonly (() => void)[]) =>
  new LookLoop({ intervalMs: 1_000, looks: all, clock, monotonicMs: () => monotonicMs, logger, metrics })
beforeEach(() => {
  clock = new ManualClock()
  logger = new MemoryLogger()
  metrics = new CountingMetrics()
  told = []
  monotonicMs = 0
})

describe('LookLoop', () => {
  it('should look at once and then at every interval, in order, until it is stopped', async () => {
    const loop = looks(
      () => told.push('a'),
      () => told.push('b'),
    )
    await loop.start()
    expect(told.join('')).toBe('ab')
    clock.advance(3_000)
    expect(told.join('')).toBe('abababab')
    await loop.stop()
    clock.advance(5_000)
    expect(told).toHaveLength(8)
    expect(clock.pending).toBe(0)
  })

  it('incident 41: should go on looking at everything though one look fails', async () => {
    const loop = looks(
      () => {
        throw new Error('a bug')
      },
      () => told.push('b'),
    )
    await loop.start()
    clock.advance(1_000)
    expect(told).toEqual(['b', 'b'])
    expect(logger.messages('error')).toHaveLength(2)
  })

  it('should measure by how much it was late', async () => {
    const loop = looks()
    await loop.start()
    expect(loop.lagMs()).toBe(0)
    monotonicMs = 4_500
    clock.advance(1_000)
    expect(loop.lagMs()).toBe(3_500)
    expect(metrics.of('event_loop_lag_seconds')).toBe(3.5)
    monotonicMs += 1_000
    clock.advance(1_000)
    expect(loop.lagMs()).toBe(0)
  })
})
