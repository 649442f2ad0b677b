import type { Stream } from '@libp2p/interface'
import { AbstractStream } from '@libp2p/utils'
import { describe, expect, it } from 'vitest'
import { sleep, systemClock, withDeadline } from '../../../src/base/index.ts'
import { encodeFrames } from '../../../src/p2p/frame-codec.ts'
import { Libp2pFrameStream } from '../../../src/p2p/frame-stream.ts'
import { FrameTimer } from '../../../src/p2p/frame-timer.ts'
import { AnswerQueue } from '../../../src/rpc/server/answers.ts'
import { SERVER_LIMITS } from '../../../src/rpc/server/limits.ts'
import { pipe, silentLog } from '../../fuzz/rpc/pipe.ts'
import { keyPair } from './kit.ts'

const peer = keyPair('peer').peerId
const MAX = 4 * 1024 * 1024
const frame = (length: number): Uint8Array => new Uint8Array(length).fill(7)

/** The process does nothing for so long: timers are overdue before anything else has its turn. */
function standStill(forMs: number): void {
  const fromMs = performance.now()
  while (performance.now() - fromMs < forMs);
}
/** What an immediate asks for comes in the loop's next turn, and timers come before it. */
const immediately = <T>(work: () => T): Promise<T> => new Promise((resolve) => setImmediate(() => resolve(work())))

describe('a process that stood still', () => {
  it('should say to its peer what it closed a stream behind', async () => {
    const [near, far] = pipe('/test/1')
    let heard = 0
    near.addEventListener('message', ({ data }) => {
      heard += data.byteLength
    })
    const over = new Promise((resolve) => near.addEventListener('close', resolve, { once: true }))
    const ours = new Libp2pFrameStream(far, peer, MAX)
    await near.close()
    expect(await ours.read()).toBeUndefined()
    const closing = await immediately(() => {
      void ours.write(frame(10))
      const promise = ours.close()
      standStill(2_500)
      return { promise }
    })
    await closing.promise
    await withDeadline('the end of the stream', 5_000, () => over)
    expect([far.status, near.status]).toEqual(['closed', 'closed'])
    expect(heard).toBe(encodeFrames([frame(10)]).length)
  })

  it('should read the rest of a frame that lies here before it calls its sender slow', async () => {
    let slow = 0
    const timer = new FrameTimer(200, () => slow++)
    await immediately(() => {
      timer.onBytes(false)
      setImmediate(() => {
        timer.onFrame()
        timer.onBytes(true)
      })
      standStill(300)
    })
    await sleep(250)
    expect(slow).toBe(0)
  })

  it('should see what its client took before it says that it takes nothing', async () => {
    const aborted: Error[] = []
    const stream = {
      write: () => new Promise<void>((resolve) => setImmediate(resolve)),
      abort: (reason: Error) => aborted.push(reason),
    } as unknown as Libp2pFrameStream
    const limits = { ...SERVER_LIMITS, writeTimeoutMs: 200 }
    const answers = new AnswerQueue(stream, systemClock, limits, () => {})
    await immediately(() => {
      answers.push(frame(10))
      standStill(300)
    })
    await answers.drained()
    answers.dispose()
    expect(aborted).toEqual([])
  })
})

/** A peer that gives room by the byte. */
class Narrow extends AbstractStream {
  room = 0
  sent = 0
  constructor() {
    super({ id: 'narrow', direction: 'inbound', protocol: '/test/1', log: silentLog })
  }
  sendData(data: Parameters<AbstractStream['sendData']>[0]): { sentBytes: number; canSendMore: boolean } {
    const sentBytes = Math.min(this.room, data.byteLength)
    this.room -= sentBytes
    this.sent += sentBytes
    data.consume(sentBytes)
    return { sentBytes, canSendMore: this.room > 0 }
  }
  give(room: number): void {
    this.room += room
    this.safeDispatchEvent('drain')
  }
  sendReset(): void {}
  async sendCloseWrite(): Promise<void> {}
  async sendCloseRead(): Promise<void> {}
  sendPause(): void {}
  sendResume(): void {}
}

describe('a frame on its way', () => {
  it('should be on its way until the transport has all of it, so that what is held for a peer counts', async () => {
    const narrow = new Narrow()
    const ours = new Libp2pFrameStream(narrow as Stream, peer, MAX)
    let written = 0
    const writing = ours.write(frame(10_000)).then(() => written++)
    for (let i = 0; i < 5; i++) {
      await sleep(5)
      narrow.give(1)
    }
    await sleep(5)
    expect([narrow.sent, written]).toEqual([5, 0])
    narrow.give(100_000)
    await withDeadline('the rest of a frame', 5_000, () => writing)
    expect(narrow.sent).toBe(encodeFrames([frame(10_000)]).length)
  })
  it('should be given up on when a peer drips room, however many are let through by a byte', async () => {
    const narrow = new Narrow()
    const ours = new Libp2pFrameStream(narrow as Stream, peer, MAX)
    const outcomes: Array<Promise<unknown>> = []
    for (let i = 0; i < 6 && narrow.status === 'open'; i++) {
      outcomes.push(ours.write(frame(MAX / 4)).catch((error: unknown) => error))
      await sleep(5)
      narrow.give(1)
      await sleep(5)
    }
    expect(narrow.status).toBe('aborted')
    expect(await outcomes.at(-1)).toMatchObject({ code: 'SLOW_READER' })
  })
})
