import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { StepLoop } from '../../../src/rotation/step-loop.ts'
import { FakeClock } from '../signer/fixtures.ts'

let clock: FakeClock
let steps: number
let ends: (unknown | undefined)[]
/** What a step does. */
let work: () => Promise<boolean>
let loop: StepLoop
const settled = () => new Promise((resolve) => setImmediate(resolve))

beforeEach(() => {
  clock = new FakeClock()
  steps = 0
  ends = []
  work = async () => false
  loop = new StepLoop({
    step: () => {
      steps++
      return work()
    },
    onStep: (failure) => void ends.push(failure?.error),
    clock,
  })
})
afterEach(() => loop.stop())

describe('the loop of a rotation', () => {
  it('should take no step before it is open, nor any after it is stopped', async () => {
    loop.poke()
    loop.tick()
    await settled()
    expect([steps, clock.pending]).toEqual([0, 0])
    loop.open()
    loop.tick()
    await settled()
    clock.advance(60_000)
    await settled()
    expect([steps, clock.pending]).toEqual([2, 1])
    await loop.stop()
    loop.poke()
    await settled()
    expect([steps, clock.pending]).toEqual([2, 0])
    await expect(loop.alone(async () => 1)).rejects.toMatchObject({ code: 'STOPPED' })
  })

  it('should make one more look of however many pokes come during one', async () => {
    loop.open()
    const { promise, resolve } = Promise.withResolvers<boolean>()
    work = () => promise
    for (let i = 0; i < 9; i++) loop.poke()
    await settled()
    expect(steps).toBe(1)
    work = async () => false
    resolve(false)
    await settled()
    expect([steps, ends]).toEqual([2, [undefined, undefined]])
  })

  it('should look again at once where a step changed something, and go on after one that failed', async () => {
    loop.open()
    const outcomes = [true, true, false]
    work = async () => outcomes.shift() ?? false
    loop.poke()
    await settled()
    expect(steps).toBe(3)
    const broken = new Error('broken')
    work = () => Promise.reject(broken)
    loop.poke()
    await settled()
    expect(ends.at(-1)).toBe(broken)
    work = async () => false
    loop.poke()
    await settled()
    expect([steps, ends.at(-1)]).toEqual([5, undefined])
  })

  it('R7: should run nothing beside a step, and a step beside nothing', async () => {
    loop.open()
    const { promise, resolve } = Promise.withResolvers<void>()
    const order: string[] = []
    const approving = loop.alone(async () => {
      order.push('approving')
      await promise
      order.push('approved')
    })
    work = async () => {
      order.push('step')
      return false
    }
    loop.poke()
    await settled()
    expect(order).toEqual(['approving'])
    resolve()
    await approving
    await settled()
    expect(order).toEqual(['approving', 'approved', 'step'])
  })

  it('should wait with its end for what runs, and begin nothing that waited', async () => {
    loop.open()
    const { promise, resolve } = Promise.withResolvers<boolean>()
    work = () => promise
    loop.poke()
    const waiting = expect(loop.alone(async () => 1)).rejects.toMatchObject({ code: 'STOPPED' })
    await settled()
    let isOver = false
    const stopping = loop.stop().then(() => {
      isOver = true
    })
    await settled()
    expect(isOver).toBe(false)
    resolve(false)
    await Promise.all([stopping, waiting])
    expect(steps).toBe(1)
  })
})
