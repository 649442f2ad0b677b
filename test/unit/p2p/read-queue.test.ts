import { describe, expect, it } from 'vitest'
import { ReadQueue } from '../../../src/p2p/read-queue.ts'

const frame = (byte: number): Uint8Array => Uint8Array.of(byte)
function bench(highWaterBytes = 1_000) {
  const calls: string[] = []
  const queue = new ReadQueue(highWaterBytes, { full: () => calls.push('full'), roomy: () => calls.push('roomy') })
  return { queue, calls }
}

describe('read queue', () => {
  it('should serve waiting readers in their order', async () => {
    const { queue } = bench()
    const reads = [queue.take(), queue.take()]
    queue.put(frame(1))
    queue.put(frame(2))
    expect(await Promise.all(reads)).toEqual([frame(1), frame(2)])
  })
  it('should still give what came before the end', async () => {
    const { queue } = bench()
    queue.put(frame(1))
    queue.end()
    expect([await queue.take(), await queue.take(), await queue.take()]).toEqual([frame(1), undefined, undefined])
  })
  it('should still give what came before a failure', async () => {
    const { queue } = bench()
    queue.put(frame(1))
    queue.fail(new Error('reset'))
    expect(await queue.take()).toEqual(frame(1))
    await expect(queue.take()).rejects.toThrow('reset')
  })
  it('should keep its first end', async () => {
    const { queue } = bench()
    queue.end()
    queue.fail(new Error('reset'))
    expect(await queue.take()).toBeUndefined()
  })
  it('should not lose a frame to a reader that left', async () => {
    const { queue } = bench()
    const controller = new AbortController()
    const left = queue.take(controller.signal)
    const stays = queue.take()
    controller.abort(new Error('left'))
    queue.put(frame(1))
    await expect(left).rejects.toThrow('left')
    expect(await stays).toEqual(frame(1))
  })
  it('should refuse a reader that comes with an aborted signal', async () => {
    const { queue } = bench()
    queue.put(frame(1))
    await expect(queue.take(AbortSignal.abort(new Error('late')))).rejects.toThrow('late')
    expect(await queue.take()).toEqual(frame(1))
  })
  it('should hold the sender back beyond the high water, until all is taken', async () => {
    const { queue, calls } = bench(100)
    queue.put(new Uint8Array(30))
    expect(calls).toEqual([])
    queue.put(new Uint8Array(30))
    expect(calls).toEqual(['full'])
    await queue.take()
    expect(calls).toEqual(['full'])
    await queue.take()
    expect(calls).toEqual(['full', 'roomy'])
  })
  it('should hold back a sender of empty frames, too', () => {
    const { queue, calls } = bench(1_000)
    for (let i = 0; i < 100; i++) queue.put(new Uint8Array())
    expect(calls).toContain('full')
  })
})
