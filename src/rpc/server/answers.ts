import type { Cancel, Clock } from '../../base/index.ts'
import { CodedError, patient } from '../../base/index.ts'
import type { FrameStream } from '../../p2p/index.ts'
import type { ServerLimits } from './types.ts'

/** Someone who waits until `isOver`. */
interface Waiter {
  readonly isOver: () => boolean
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
}

/**
 * Answers on their way out. Bounded by backpressure: while too many are unsent, or too much is or may still be to send, the
 * stream is not read. A transport that takes nothing for too long is aborted.
 */
export class AnswerQueue {
  readonly #stream: FrameStream
  readonly #clock: Clock
  readonly #limits: ServerLimits
  readonly #onFailure: () => void
  #unsent = 0
  #sent = 0
  #failure: unknown
  /** Of unsent answers, and what open requests may still answer. */
  #heldBytes = 0
  #waiters: Waiter[] = []
  #watch: Cancel | undefined
  /** Answers that leave together: the stream gives one promise for all, which is listened to once. */
  #batch: { readonly written: Promise<void>; count: number; bytes: number } | undefined

  /** `onFailure` is told once, when the client can't be answered any more. */
  constructor(stream: FrameStream, clock: Clock, limits: ServerLimits, onFailure: () => void) {
    this.#stream = stream
    this.#clock = patient(clock)
    this.#limits = limits
    this.#onFailure = onFailure
  }

  push(frame: Uint8Array): void {
    if (this.#failure !== undefined) return
    this.#unsent++
    this.#heldBytes += frame.length
    if (this.#watch === undefined) this.#arm()
    const written = this.#stream.write(frame)
    if (written === this.#batch?.written) {
      this.#batch.count++
      this.#batch.bytes += frame.length
      return
    }
    const batch = { written, count: 1, bytes: frame.length }
    this.#batch = batch
    written.then(
      () => this.#onSent(batch),
      (error: unknown) => this.#fail(error),
    )
  }

  /** A request was begun that may answer so much. Every promise is released. */
  promise(bytes: number): void {
    this.#heldBytes += bytes
  }
  release(bytes: number): void {
    this.#heldBytes -= bytes
    this.#tell()
  }

  /** May another request be read? */
  get hasRoom(): boolean {
    return this.#failure === undefined && this.#isRoomy()
  }
  /** Resolves when another request may be read. Rejects when the stream has failed. */
  room(): Promise<void> {
    return this.#until(this.#isRoomy)
  }
  /** Resolves when everything has been taken by the transport. */
  drained(): Promise<void> {
    return this.#until(() => this.#unsent === 0)
  }
  readonly #isRoomy = (): boolean =>
    this.#unsent < this.#limits.maxUnsentAnswers && this.#heldBytes < this.#limits.maxHeldAnswerBytes

  /** Forgets its timer; to be called when the stream is over. */
  dispose(): void {
    this.#watch?.()
    this.#watch = undefined
  }

  #until(isOver: () => boolean): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (isOver()) return READY
    return new Promise((resolve, reject) => this.#waiters.push({ isOver, resolve, reject }))
  }

  #onSent({ count, bytes }: { readonly count: number; readonly bytes: number }): void {
    this.#unsent -= count
    this.#sent += count
    this.#heldBytes -= bytes
    this.#tell()
  }

  #tell(): void {
    if (this.#waiters.length === 0) return
    const over = this.#waiters.filter((w) => w.isOver())
    this.#waiters = this.#waiters.filter((w) => !over.includes(w))
    for (const waiter of over) waiter.resolve()
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.dispose()
    for (const w of this.#waiters.splice(0)) w.reject(error)
    this.#stream.abort(error instanceof Error ? error : new Error('write failed'))
    this.#onFailure()
  }

  /** One timer per stream, not per answer: it looks whether anything has moved since it was set. */
  #arm(): void {
    const before = this.#sent
    this.#watch = this.#clock.after(this.#limits.writeTimeoutMs, () => {
      this.#watch = undefined
      if (this.#unsent === 0 || this.#failure !== undefined) return
      if (this.#sent === before) this.#fail(new CodedError('DEADLINE', 'the client does not take its answers'))
      else this.#arm()
    })
  }
}
const READY = Promise.resolve()
