import { describe, expect, it } from 'vitest'
import { mapInSlices } from '../../../../src/signer/s2/slices.ts'

/** Some milliseconds of work. */
const work = (ms: number) => (item: number) => {
  const from = performance.now()
  while (performance.now() - from < ms);
  return item
}

describe('work in slices', () => {
  it('should let other work of the process go on between many small calls of one turn', async () => {
    let turns = 0
    let isDone = false
    const count = () => {
      turns++
      if (!isDone) setImmediate(count)
    }
    setImmediate(count)
    // Each by itself is far from the end of a slice.
    const calls = Array.from({ length: 20 }, (_, i) => mapInSlices([i, i], work(2)))
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 20 }, (_, i) => [i, i]))
    isDone = true
    // 80 ms of work in turns of 8; on a busy machine a turn holds less.
    expect(turns).toBeGreaterThanOrEqual(8)
  })
})
