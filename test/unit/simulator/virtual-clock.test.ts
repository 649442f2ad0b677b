import { describe, expect, it } from 'vitest'
import { ProcessClock, VirtualClock } from '../../simulator/virtual-clock.ts'

describe('VirtualClock', () => {
  it('should fire timers in the order of their time, and of being set where that is the same', async () => {
    const clock = new VirtualClock(0)
    const fired: string[] = []
    for (const [name, delayMs] of [
      ['c', 30],
      ['a', 10],
      ['b', 10],
      ['d', 40],
      ['e', 100],
    ] as const)
      clock.after(delayMs, () => void fired.push(`${name}${clock.now()}`))
    await clock.runFor(50)
    expect(fired).toEqual(['a10', 'b10', 'c30', 'd40'])
    expect(clock.now()).toBe(50)
  })

  it('should keep the order of many timers that were set in none', async () => {
    const clock = new VirtualClock(0)
    const fired: number[] = []
    const delays = Array.from({ length: 500 }, (_, i) => 1 + ((i * 7_919) % 503))
    for (const delayMs of delays) clock.after(delayMs, () => void fired.push(delayMs))
    await clock.runFor(1_000)
    expect(fired).toEqual(delays.toSorted((a, b) => a - b))
  })

  it('should let all promise work end between two timers', async () => {
    const clock = new VirtualClock(0)
    const happened: string[] = []
    const work = async () => {
      for (let i = 0; i < 100; i++) await Promise.resolve()
      happened.push('work')
    }
    clock.after(1, () => void work())
    clock.after(1, () => void happened.push('next timer'))
    await clock.runFor(1)
    expect(happened).toEqual(['work', 'next timer'])
  })

  it('should show whole milliseconds only, as Node does: envelopes carry no others', async () => {
    const clock = new VirtualClock(0)
    let firedAtMs = 0
    clock.after(2.7, () => {
      firedAtMs = clock.now()
    })
    await clock.runFor(10.5)
    expect([firedAtMs, clock.now()]).toEqual([2, 10])
  })

  it('should not fire what was cancelled', async () => {
    const clock = new VirtualClock(0)
    const cancel = clock.after(5, () => expect.unreachable())
    cancel()
    cancel()
    await clock.runFor(10)
    expect(clock.fired).toBe(0)
  })

  it('should stop at the moment that a condition holds, and say how long it took', async () => {
    const clock = new VirtualClock(1_000)
    let holds = false
    clock.after(7, () => {
      holds = true
    })
    clock.after(8, () => expect.unreachable())
    expect(await clock.until('it holds', 100, () => holds)).toBe(7)
  })

  it('should say what it waited for in vain', async () => {
    const clock = new VirtualClock(0)
    clock.after(200, () => {})
    await expect(clock.until('the impossible', 100, () => false)).rejects.toThrow('the impossible')
  })

  it('should hand on what a timer throws', async () => {
    const clock = new VirtualClock(0)
    clock.after(1, () => {
      throw new Error('broken')
    })
    await expect(clock.runFor(1)).rejects.toThrow('broken')
  })
})

describe('ProcessClock', () => {
  it('should be skewed in what it says, and not in how long it waits', async () => {
    const clock = new VirtualClock(1_000)
    const own = new ProcessClock(clock, -300)
    let firedAtMs = 0
    own.after(50, () => {
      firedAtMs = clock.now()
    })
    await clock.runFor(100)
    expect([firedAtMs, own.now()]).toEqual([1_050, 800])
  })

  it('should fire nothing after its process was killed, not even what is set then', async () => {
    const clock = new VirtualClock(0)
    const own = new ProcessClock(clock, 0)
    own.after(5, () => expect.unreachable())
    own.kill()
    own.after(5, () => expect.unreachable())
    await clock.runFor(10)
    expect(clock.fired).toBe(0)
  })
})
