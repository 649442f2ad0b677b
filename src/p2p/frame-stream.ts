import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { CodedError, codeOf, keepAliveClock, LIMITS, type PeerIdStr, patient, withDeadline } from '../base/index.ts'
import { encodeFrames, FrameDecoder } from './frame-codec.ts'
import { FrameTimer } from './frame-timer.ts'
import { FRAME_OVERHEAD_BYTES, ReadQueue } from './read-queue.ts'
import type { FrameCap, FrameStream } from './types.ts'

/** Frames kept for a slow reader before the sender is told to wait. */
const READ_HIGH_WATER_BYTES = 256 * 1024
/** Frames kept for a peer that doesn't read; beyond it the stream is given up. */
const WRITE_HIGH_WATER_BYTES = 4 * 1024 * 1024
/** What is on its way to the peer is lost with some transports when the stream is aborted, so a late process has no part in it. */
const CLOSE_TIMEOUT_MS = 2_000
/** A peer that takes nothing for so long holds our memory for nothing. */
const DRAIN_TIMEOUT_MS = 30_000
/** Frames that are sent as one: each of these is awaited by itself, so that who sends much sees it go. */
const BATCH_BYTES = 64 * 1024
const clock = patient(keepAliveClock)
const TOO_SLOW = 'the peer began a frame and did not end it in time; the stream was closed'
const SLOW_READER = 'the peer does not read what it is sent; the stream was given up'

interface Batch {
  readonly frames: Uint8Array[]
  bytes: number
  readonly sent: PromiseWithResolvers<void>
}

const streamReset = (cause?: unknown): CodedError =>
  new CodedError('STREAM_RESET', 'the peer or its connection ended the stream; open another one', {}, { cause })

/** FrameStream over a libp2p stream: bounded both ways, writes of one tick gathered into one (ten times as fast). */
export class Libp2pFrameStream implements FrameStream {
  readonly peerId: PeerIdStr
  readonly protocol: string
  readonly inbound: boolean
  readonly #retirement = new AbortController()
  readonly #stream: Stream
  readonly #maxSentBytes: number
  readonly #decoder: FrameDecoder
  readonly #reads: ReadQueue
  readonly #frameTimer: FrameTimer
  /** What is written goes to the last. */
  readonly #batches: Batch[] = []
  #queuedBytes = 0
  /** Of the newest batch: when it has left, so have all. */
  #newest: Promise<void> | undefined
  /** A turn of the loop is booked, or the peer is waited for. */
  #isPumping = false
  #failure: Error | undefined
  #closing = false

  constructor(stream: Stream, peerId: PeerIdStr, cap: FrameCap, frameTimeoutMs: number = LIMITS.frameTimeoutMs) {
    this.#stream = stream
    this.peerId = peerId
    this.protocol = stream.protocol
    this.inbound = stream.direction === 'inbound'
    const { receivedBytes, sentBytes } = typeof cap === 'number' ? { receivedBytes: cap, sentBytes: cap } : cap
    this.#maxSentBytes = sentBytes
    this.#decoder = new FrameDecoder(receivedBytes)
    this.#frameTimer = new FrameTimer(frameTimeoutMs, () => this.abort(new CodedError('FRAME_TOO_SLOW', TOO_SLOW)))
    this.#reads = new ReadQueue(READ_HIGH_WATER_BYTES, {
      full: () => {
        this.#frameTimer.hold()
        if (stream.readStatus === 'readable') stream.pause()
      },
      roomy: () => {
        this.#frameTimer.release()
        if (stream.readStatus === 'paused') stream.resume()
      },
    })
    stream.addEventListener('message', this.#onMessage)
    stream.addEventListener('end', this.#onEnd)
    stream.addEventListener('close', this.#onClose)
    // Both may have come before the listeners.
    if (stream.readableEnded || stream.status === 'aborted' || stream.status === 'reset') this.#onEnd()
  }

  get retired(): AbortSignal {
    return this.#retirement.signal
  }
  /** Its connection is to be closed in favour of another one. */
  retire(): void {
    this.#retirement.abort(new CodedError('STREAM_RETIRED', 'another connection to the peer takes over'))
  }

  read(signal?: AbortSignal): Promise<Uint8Array | undefined> {
    return this.#reads.take(signal)
  }
  readNow(): Uint8Array | undefined {
    return this.#reads.takeNow()
  }

  write(frame: Uint8Array): Promise<void> {
    if (frame.length > this.#maxSentBytes)
      return Promise.reject(
        new CodedError('FRAME_TOO_LARGE', `a frame may have at most ${this.#maxSentBytes} bytes; send less at once`, {
          bytes: frame.length,
          maxBytes: this.#maxSentBytes,
        }),
      )
    if (this.#failure !== undefined) return this.#seen(Promise.reject(this.#failure))
    if (this.#closing) return Promise.reject(new CodedError('STREAM_CLOSED', 'the stream was closed; open another one'))
    const bytes = frame.length + FRAME_OVERHEAD_BYTES
    this.#queuedBytes += bytes
    if (this.#queuedBytes > WRITE_HIGH_WATER_BYTES) this.abort(new CodedError('SLOW_READER', SLOW_READER))
    if (this.#failure !== undefined) return this.#seen(Promise.reject(this.#failure))
    const last = this.#batches.at(-1)
    const batch = last !== undefined && last.bytes + bytes <= BATCH_BYTES ? last : this.#begin()
    batch.frames.push(frame)
    batch.bytes += bytes
    return batch.sent.promise
  }

  #begin(): Batch {
    const sent = Promise.withResolvers<void>()
    this.#newest = this.#seen(sent.promise)
    const batch = { frames: [], bytes: 0, sent }
    this.#batches.push(batch)
    if (!this.#isPumping) this.#goOn()
    return batch
  }

  /** The peer causes these rejections, and one that no writer waits for would end the process; readers learn of it, too. */
  #seen(written: Promise<void>): Promise<void> {
    written.catch((error: unknown) => this.#fail(error instanceof Error ? error : streamReset(error)))
    return written
  }

  async close(): Promise<void> {
    if (this.#closing) return
    this.#closing = true
    try {
      await withDeadline(
        'closing a stream',
        CLOSE_TIMEOUT_MS,
        async (signal) => {
          // A batch that was lost has been told of to its writers.
          await this.#newest?.catch(() => {})
          await this.#stream.close({ signal })
          await this.#closed(signal)
        },
        undefined,
        clock,
      )
    } catch (error) {
      // A peer that keeps its half open would keep the stream's memory and place.
      this.#stream.abort(error instanceof Error ? error : streamReset(error))
    }
  }

  abort(reason: Error): void {
    this.#fail(reason)
    this.#stream.abort(reason)
  }

  /** A batch each turn. */
  #goOn(): void {
    this.#isPumping = this.#batches.length > 0
    if (this.#isPumping) setImmediate(this.#pump)
  }
  /** No promise and no further turn of the loop unless the peer is slow: both would cost more than a small frame. */
  readonly #pump = (): void => {
    const batch = this.#batches.shift()
    if (batch === undefined) return
    try {
      if (this.#failure !== undefined) throw this.#failure
      this.#stream.send(encodeFrames(batch.frames))
      if (this.#isHeld) {
        void this.#untilTaken(batch)
        return
      }
      this.#onSent(batch)
    } catch (error) {
      this.#onLost(batch, error)
    }
    this.#goOn()
  }

  /** A peer that makes room for a byte has not taken the rest: until then, what we hold for it counts. */
  get #isHeld(): boolean {
    return this.#stream.writableNeedsDrain || this.#stream.writeBufferLength > 0
  }

  /** Never rejects. What is written meanwhile waits. */
  async #untilTaken(batch: Batch): Promise<void> {
    try {
      while (this.#isHeld) {
        if (this.#stream.status !== 'open' && this.#stream.status !== 'closing') throw this.#failure ?? streamReset()
        await this.#drain()
      }
      this.#onSent(batch)
    } catch (error) {
      this.#onLost(batch, error)
    }
    this.#goOn()
  }

  #onSent({ bytes, sent }: Batch): void {
    this.#queuedBytes -= bytes
    sent.resolve()
  }
  #onLost({ sent }: Batch, error: unknown): void {
    this.#fail(streamReset(error))
    sent.reject(this.#failure)
  }

  /** Resolves when the transport has room again, for however little. */
  async #drain(): Promise<void> {
    // Not `stream.onDrain()`: libp2p 3.3 keeps its first promise for ever, so it waits only once per stream.
    const drain = () => this.#next('drain')
    await withDeadline('the peer to read', DRAIN_TIMEOUT_MS, drain, undefined, clock).catch((error: unknown) => {
      if (codeOf(error) !== 'DEADLINE') throw error
      const slow = new CodedError('SLOW_READER', SLOW_READER)
      this.abort(slow)
      throw slow
    })
  }

  /** Waits for an event of the stream; rejects if the stream closes first. */
  #next(event: 'drain'): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onEvent = () => settle(resolve)
    const onClose = () => settle(() => reject(this.#failure ?? streamReset()))
    const settle = (how: () => void) => {
      this.#stream.removeEventListener(event, onEvent)
      this.#stream.removeEventListener('close', onClose)
      how()
    }
    this.#stream.addEventListener(event, onEvent)
    this.#stream.addEventListener('close', onClose)
    return promise
  }

  #closed(signal: AbortSignal): Promise<void> {
    if (this.#stream.status !== 'open' && this.#stream.status !== 'closing') return Promise.resolve()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#stream.addEventListener('close', () => resolve(), { once: true })
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    return promise
  }

  readonly #onMessage = (event: StreamMessageEvent): void => {
    try {
      this.#decoder.push(event.data.subarray(), this.#onFrame)
      this.#frameTimer.onBytes(this.#decoder.atBoundary)
    } catch (error) {
      this.abort(error instanceof Error ? error : streamReset(error))
    }
  }
  readonly #onFrame = (frame: Uint8Array): void => {
    this.#frameTimer.onFrame()
    this.#reads.put(frame)
  }
  readonly #onEnd = (): void => {
    // The library says "end" before "close" after a reset, too.
    const isWhole = this.#stream.status !== 'reset' && this.#stream.status !== 'aborted' && this.#decoder.atBoundary
    this.#frameTimer.stop()
    if (isWhole) this.#reads.end()
    else this.#fail(streamReset())
  }
  readonly #onClose = (event: StreamCloseEvent): void => {
    if (event.error !== undefined) this.#fail(streamReset(event.error))
    else if (this.#stream.readBufferLength === 0) this.#onEnd()
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#frameTimer.stop()
    this.#reads.fail(this.#failure)
  }
}
