import type { Stream } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import { beforeEach, describe, expect, it } from 'vitest'
import { concatBytes } from '../../../src/base/index.ts'
import { encodeFrames, lengthPrefix } from '../../../src/p2p/frame-codec.ts'
import { Libp2pFrameStream } from '../../../src/p2p/frame-stream.ts'
import { keyPair } from './kit.ts'

const MAX = 64 * 1024
const peer = keyPair('peer').peerId
const frame = (byte: number, length = 3): Uint8Array => new Uint8Array(length).fill(byte)

let raw: Stream
let other: Stream
let ours: Libp2pFrameStream
beforeEach(async () => {
  ;[raw, other] = await streamPair({ protocol: '/test/1' })
  ours = new Libp2pFrameStream(raw, peer, MAX)
})
const theirs = () => new Libp2pFrameStream(other, peer, MAX)

describe('frame stream', () => {
  it('should carry frames both ways, in order', async () => {
    const far = theirs()
    await Promise.all([ours.write(frame(1)), ours.write(frame(2, 0)), far.write(frame(3))])
    expect([await far.read(), await far.read(), await ours.read()]).toEqual([frame(1), frame(2, 0), frame(3)])
  })
  it('should gather the frames of one tick into one write', async () => {
    const sent: number[] = []
    const send = raw.send.bind(raw)
    raw.send = (data) => {
      sent.push(data.byteLength)
      return send(data)
    }
    await Promise.all([1, 2, 3].map((b) => ours.write(frame(b))))
    expect(sent).toEqual([12])
    await ours.write(frame(4))
    expect(sent).toEqual([12, 4])
  })
  it('should carry much more than any buffer holds, to a slow reader', async () => {
    const far = theirs()
    const count = 200
    const written = Promise.all(
      Array.from({ length: count }, async (_, i) => {
        await new Promise((resolve) => setTimeout(resolve, Math.floor(i / 20)))
        await ours.write(frame(i % 251, 10_000))
      }),
    )
    for (let i = 0; i < count; i++) {
      expect((await far.read())?.length).toBe(10_000)
      if (i % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await written
  })
  it('should send what was written before its close, all of it first', async () => {
    const far = theirs()
    const done: string[] = []
    const send = raw.send.bind(raw)
    raw.send = (data) => {
      done.push('sent')
      return send(data)
    }
    const close = raw.close.bind(raw)
    raw.close = (options) => {
      done.push('closed')
      return close(options)
    }
    const written = ours.write(frame(1))
    const closing = ours.close()
    expect(await far.read()).toEqual(frame(1))
    expect(await far.read()).toBeUndefined()
    await Promise.all([written, far.close(), closing])
    expect(done).toEqual(['sent', 'closed'])
  })
  it('should send nothing more while the peer is slow, and all of it afterwards', async () => {
    const sent: number[] = []
    let isFull = true
    raw.send = (data) => {
      sent.push(data.byteLength)
      return !isFull
    }
    Object.defineProperty(raw, 'writableNeedsDrain', { get: () => isFull })
    const first = ours.write(frame(1))
    await new Promise((resolve) => setImmediate(resolve))
    const rest = [ours.write(frame(2)), ours.write(frame(3))]
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
    expect(sent).toEqual([4])
    isFull = false
    raw.dispatchEvent(new Event('drain'))
    await Promise.all([first, ...rest])
    expect(sent).toEqual([4, 8])
  })
  it('should carry any amount, over time, to a peer that takes it', async () => {
    raw.send = () => true
    // Three times what it may hold for a peer.
    for (let i = 0; i < 192; i++) await ours.write(frame(7, MAX))
    expect(raw.status).toBe('open')
  })
  it('should end its reader when the other side has finished', async () => {
    const far = theirs()
    await far.write(frame(1))
    const closing = far.close()
    expect(await ours.read()).toEqual(frame(1))
    expect(await ours.read()).toBeUndefined()
    await ours.close()
    await closing
    expect(other.status).toBe('closed')
  })
  it('should give up on a peer that keeps its half open after a close', async () => {
    await ours.close()
    expect(raw.status).toBe('aborted')
  })
  it('should stop waiting for a frame when told to', async () => {
    const controller = new AbortController()
    const waiting = ours.read(controller.signal)
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    other.send(encodeFrames([frame(1)]))
    expect(await ours.read()).toEqual(frame(1))
  })

  it('should refuse to write a frame beyond the cap, and live on', async () => {
    await expect(ours.write(frame(1, MAX + 1))).rejects.toMatchObject({ code: 'FRAME_TOO_LARGE' })
    await ours.write(frame(2))
    expect(await theirs().read()).toEqual(frame(2))
  })
  it('should abort the stream at a frame beyond the cap, after what came before it', async () => {
    other.send(concatBytes(encodeFrames([frame(1)]), lengthPrefix(MAX + 1)))
    expect(await ours.read()).toEqual(frame(1))
    await expect(ours.read()).rejects.toMatchObject({ code: 'FRAME_TOO_LARGE' })
    expect(raw.status).toBe('aborted')
  })
  it('should fail its reader when the peer ends inside a frame', async () => {
    other.send(lengthPrefix(5))
    await other.close()
    await expect(ours.read()).rejects.toMatchObject({ code: 'STREAM_RESET' })
  })
  describe('against a peer that is slow', () => {
    const FRAME_TIMEOUT_MS = 40
    beforeEach(() => {
      ours = new Libp2pFrameStream(raw, peer, MAX, FRAME_TIMEOUT_MS)
    })
    it('should close a stream whose frame never ends, though bytes keep coming', async () => {
      const trickle = setInterval(() => other.status === 'open' && other.send(Uint8Array.of(1)), 5)
      other.send(lengthPrefix(60_000))
      await expect(ours.read()).rejects.toMatchObject({ code: 'FRAME_TOO_SLOW' })
      clearInterval(trickle)
      expect(raw.status).toBe('aborted')
    })
    it('should close a stream that does not end even the length', async () => {
      other.send(Uint8Array.of(0x80))
      await expect(ours.read()).rejects.toMatchObject({ code: 'FRAME_TOO_SLOW' })
    })
    it('should wait as long as it takes between frames', async () => {
      for (const byte of [1, 2]) {
        other.send(encodeFrames([frame(byte)]))
        expect(await ours.read()).toEqual(frame(byte))
        await new Promise((resolve) => setTimeout(resolve, 3 * FRAME_TIMEOUT_MS))
      }
      expect(raw.status).toBe('open')
    })
    it('should not blame the peer while it does not read itself', async () => {
      const count = 8
      const bytes = encodeFrames(Array.from({ length: count }, (_, i) => frame(i, 60_000)))
      // The reader is full inside a frame, whose end waits until it reads again.
      other.send(bytes.subarray(0, 390_000))
      await new Promise((resolve) => setTimeout(resolve, FRAME_TIMEOUT_MS / 2))
      other.send(bytes.subarray(390_000))
      await new Promise((resolve) => setTimeout(resolve, 4 * FRAME_TIMEOUT_MS))
      for (let i = 0; i < count; i++) expect((await ours.read())?.[0]).toBe(i)
    })
  })
  it('should fail reader and writers when the peer resets', async () => {
    const waiting = ours.read()
    other.abort(new Error('gone'))
    await expect(waiting).rejects.toMatchObject({ code: 'STREAM_RESET' })
    await expect(ours.write(frame(1))).rejects.toMatchObject({ code: 'STREAM_RESET' })
  })
  it('should fail everybody with the reason of its own abort', async () => {
    const waiting = ours.read()
    const writing = ours.write(frame(1))
    ours.abort(new Error('mine'))
    await expect(waiting).rejects.toThrow('mine')
    await expect(writing).rejects.toThrow()
    await expect(ours.read()).rejects.toThrow('mine')
  })
  it('should survive a reset with writes that nobody waits for', async () => {
    const unhandled: unknown[] = []
    const note = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', note)
    void ours.write(frame(1))
    ours.abort(new Error('gone'))
    void ours.write(frame(2))
    await new Promise((resolve) => setTimeout(resolve, 50))
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
  })
  it('should refuse writes after its close', async () => {
    const closing = ours.close()
    await expect(ours.write(frame(1))).rejects.toMatchObject({ code: 'STREAM_CLOSED' })
    await closing
  })
  it('should give the stream up rather than store for a peer that does not read', async () => {
    other.pause()
    const writes = Array.from({ length: 80 }, () => ours.write(frame(1, MAX)))
    const outcomes = await Promise.allSettled(writes)
    expect(outcomes.at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'SLOW_READER' } })
    expect(raw.status).toBe('aborted')
  })
})
