import { describe, expect, it } from 'vitest'
import { ChainQueue, type ChainTask } from '../../../../src/signer/s2/chain-queue.ts'

const task = (name: string, bits: 128 | 256 = 128): ChainTask => ({
  name,
  item: { bits, place: { txid: new Uint8Array(32), vout: 0, index: 0 } },
  made: Promise.withResolvers(),
  state: 'waiting',
  wanted: 1,
  attempts: 0,
})
const tasks = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => task(`${prefix}${i}`))
const names = (slice: readonly ChainTask[]) => slice.map((t) => t.name)
/** Hashes of a key of 128 bits, and of one of 256. */
const [SMALL, LARGE] = [576, 1_088]

describe('requests for hash chains', () => {
  it('should have their turn one after the other, a slice each', () => {
    const queue = new ChainQueue()
    queue.add(tasks('a', 5))
    queue.add(tasks('b', 1))
    queue.add(tasks('c', 3))
    const taken = Array.from({ length: 6 }, () => names(queue.take(2 * SMALL)))
    expect(taken).toEqual([['a0', 'a1'], ['b0'], ['c0', 'c1'], ['a2', 'a3'], ['c2'], ['a4']])
    expect([queue.take(SMALL), queue.size]).toEqual([[], 0])
  })

  it('should be sliced by what they cost, and never to nothing', () => {
    const queue = new ChainQueue()
    queue.add([task('a', 256), task('b', 256), task('c', 256)])
    expect(names(queue.take(LARGE + 1))).toEqual(['a', 'b'])
    expect(names(queue.take(1))).toEqual(['c'])
  })

  it('should share what both want: whose turn comes first has it made', () => {
    const queue = new ChainQueue()
    const [one, two, three] = [task('1'), task('2'), task('3')]
    queue.add([one, two])
    queue.add([two, one, three])
    expect(names(queue.take(SMALL))).toEqual(['1'])
    expect(names(queue.take(2 * SMALL))).toEqual(['2', '3'])
    expect([queue.take(SMALL), queue.size]).toEqual([[], 0])
    expect([one, two, three].map((t) => [t.state, t.attempts])).toEqual(Array(3).fill(['running', 1]))
  })

  it('should be passed over where nothing is left to make', () => {
    const queue = new ChainQueue()
    const gone = tasks('a', 3)
    queue.add(gone)
    queue.add(tasks('b', 1))
    for (const t of gone) t.state = 'over'
    expect(names(queue.take(SMALL))).toEqual(['b0'])
  })

  it('should leave nothing behind when they are taken out', () => {
    const queue = new ChainQueue()
    const leave = queue.add(tasks('a', 3))
    queue.add(tasks('b', 1))
    queue.take(SMALL)
    leave()
    leave()
    expect(names(queue.take(SMALL))).toEqual(['b0'])
    expect([queue.take(SMALL), queue.size]).toEqual([[], 0])
  })

  it('should not wait for nothing', () => {
    const queue = new ChainQueue()
    for (let i = 0; i < 100; i++) queue.add([])
    expect([queue.size, queue.take(SMALL)]).toEqual([0, []])
  })
})
