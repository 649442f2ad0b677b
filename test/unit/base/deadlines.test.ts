import { describe, expect, it } from 'vitest'
import { Deadlines, Expiring } from '../../../src/base/index.ts'
import { ManualClock } from '../rpc/harness.ts'

class Noted extends Expiring {
  readonly #note: () => void
  constructor(note: () => void) {
    super()
    this.#note = note
  }
  onExpired(): void {
    this.#note()
  }
}
function site() {
  const clock = new ManualClock()
  const told: string[] = []
  const deadlines = new Deadlines(clock)
  const startMs = clock.now()
  const item = (name: string, and: () => void = () => {}) =>
    new Noted(() => {
      told.push(`${name} at ${clock.now() - startMs}`)
      and()
    })
  return { clock, told, deadlines, item }
}

describe('deadlines over one timer', () => {
  it('should tell each item once, at its own time, whatever the order in which they came', async () => {
    const { clock, told, deadlines, item } = site()
    for (const ms of [30, 10, 20, 10]) deadlines.add(item(String(ms)), ms)
    expect(clock.armed).toBe(1)
    await clock.advance(9)
    expect(told).toEqual([])
    await clock.advance(100)
    expect(told).toEqual(['10 at 10', '10 at 10', '20 at 20', '30 at 30'])
    expect(clock.armed).toBe(0)
  })

  it('should not tell what was taken out, and hold no timer when nothing is left', async () => {
    const { clock, told, deadlines, item } = site()
    const items = [item('a'), item('b'), item('c')]
    for (const [i, it] of items.entries()) deadlines.add(it, 10 + i)
    const [a, b, c] = items
    if (a === undefined || b === undefined || c === undefined) throw new Error('three items')
    deadlines.remove(b)
    deadlines.remove(b)
    deadlines.remove(a)
    expect(clock.armed).toBe(1)
    await clock.advance(11)
    expect(told).toEqual([])
    deadlines.remove(c)
    expect(clock.armed).toBe(0)
    await clock.advance(100)
    expect(told).toEqual([])
  })

  it('should wake earlier for an earlier deadline', async () => {
    const { clock, told, deadlines, item } = site()
    deadlines.add(item('late'), 1_000)
    deadlines.add(item('soon'), 5)
    await clock.advance(5)
    expect(told).toEqual(['soon at 5'])
  })

  it('should let whoever is told add and remove', async () => {
    const { clock, told, deadlines, item } = site()
    const other = item('other')
    deadlines.add(
      item('first', () => {
        deadlines.remove(other)
        deadlines.add(item('second'), 7)
      }),
      3,
    )
    deadlines.add(other, 5)
    await clock.advance(50)
    expect(told).toEqual(['first at 3', 'second at 10'])
    expect(clock.armed).toBe(0)
  })
})
