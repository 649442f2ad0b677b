import { describe, expect, it } from 'vitest'
import { Semaphore } from '../../../src/base/index.ts'
import { VirtualClock } from '../../simulator/virtual-clock.ts'

const LONG_MS = 10_000

describe('Semaphore', () => {
  it('should let so many in at once, and the next one only when a turn is given back', async () => {
    const semaphore = new Semaphore(1)
    expect(await semaphore.take(LONG_MS)).toBe(true)
    let entered = false
    const second = semaphore.take(LONG_MS).then((turn) => {
      entered = turn
    })
    await new Promise((next) => setImmediate(next))
    expect(entered).toBe(false)
    semaphore.give()
    await second
    expect(entered).toBe(true)
  })

  it('should wait by the clock it is given', async () => {
    const clock = new VirtualClock()
    const semaphore = new Semaphore(1, clock)
    await semaphore.take(LONG_MS)
    expect(await clock.settled('the turn', LONG_MS, semaphore.take(LONG_MS))).toBe(false)
  })

  it('should let the others in in the order in which they came', async () => {
    const semaphore = new Semaphore(1)
    await semaphore.take(LONG_MS)
    const order: number[] = []
    const waiting = [1, 2, 3].map((n) => semaphore.take(LONG_MS).then(() => void order.push(n)))
    for (const done of waiting) {
      semaphore.give()
      await done
    }
    expect(order).toEqual([1, 2, 3])
  })

  it('should send away who waited too long, and not lose a turn by it', async () => {
    const semaphore = new Semaphore(1)
    await semaphore.take(LONG_MS)
    expect(await semaphore.take(0)).toBe(false)
    semaphore.give()
    expect(await semaphore.take(0)).toBe(true)
  })

  it('should send away who leaves while waiting, or had left before', async () => {
    const semaphore = new Semaphore(1)
    await semaphore.take(LONG_MS)
    const leaving = new AbortController()
    const waiting = semaphore.take(LONG_MS, leaving.signal)
    leaving.abort()
    expect(await waiting).toBe(false)
    expect(await semaphore.take(LONG_MS, AbortSignal.abort())).toBe(false)
    semaphore.give()
    expect(await semaphore.take(0)).toBe(true)
  })
})
