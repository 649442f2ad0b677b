import { describe, expect, it } from 'vitest'
import { Turns } from '../../../src/rounds/drivers/turns.ts'
import { VirtualClock } from '../../simulator/virtual-clock.ts'

const LONG_MS = 10_000

describe('Turns', () => {
  it('should let so many in at once, and the next one only when a turn is given back', async () => {
    const turns = new Turns(1)
    expect(await turns.take(LONG_MS)).toBe(true)
    let entered = false
    const second = turns.take(LONG_MS).then((turn) => {
      entered = turn
    })
    await new Promise((next) => setImmediate(next))
    expect(entered).toBe(false)
    turns.give()
    await second
    expect(entered).toBe(true)
  })

  it('should wait by the clock it is given', async () => {
    const clock = new VirtualClock()
    const turns = new Turns(1, clock)
    await turns.take(LONG_MS)
    expect(await clock.settled('the turn', LONG_MS, turns.take(LONG_MS))).toBe(false)
  })

  it('should let the others in in the order in which they came', async () => {
    const turns = new Turns(1)
    await turns.take(LONG_MS)
    const order: number[] = []
    const waiting = [1, 2, 3].map((n) => turns.take(LONG_MS).then(() => void order.push(n)))
    for (const done of waiting) {
      turns.give()
      await done
    }
    expect(order).toEqual([1, 2, 3])
  })

  it('should send away who waited too long, and not lose a turn by it', async () => {
    const turns = new Turns(1)
    await turns.take(LONG_MS)
    expect(await turns.take(0)).toBe(false)
    turns.give()
    expect(await turns.take(0)).toBe(true)
  })

  it('should send away who leaves while waiting, or had left before', async () => {
    const turns = new Turns(1)
    await turns.take(LONG_MS)
    const leaving = new AbortController()
    const waiting = turns.take(LONG_MS, leaving.signal)
    leaving.abort()
    expect(await waiting).toBe(false)
    expect(await turns.take(LONG_MS, AbortSignal.abort())).toBe(false)
    turns.give()
    expect(await turns.take(0)).toBe(true)
  })
})
