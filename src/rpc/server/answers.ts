import type { Cancel, Clock } from '../../base/index.ts'
import { CodedError } from '../../base/index.ts'
import type { FrameStream } from '../../p2p/index.ts'
import type { ServerLimits } from './types.ts'

/**
 * Answers on their way out. Bounded by backpressure: while too many are unsent, the stream is not read. A transport that
 * takes nothing for too long is aborted.
 */
export class AnswerQueue {
  readonly #stream: FrameStream
  readonly #clock: Clock
  readonly #limits: ServerLimits
  readonly #onFailure: () => void
  #unsent = 0
  #sent = 0
  #failure: unknown
  #waiters: Array<{ readonly below: number; readonly resolve: () => void; readonly reject: (e: unknown) => void }> = []
  #watch: Cancel | undefined
  /** Answers that leave together: the stream gives one promise for all, which is listened to once. */
  #batch: { readonly written: Promise<void>; count: number } | undefined

  /** `onFailure` is told once, when the client can't be answered any more. */
  constructor(stream: FrameStream, clock: Clock, limits: ServerLimits, onFailure: () => void) {
    this.#stream = stream
    this.#clock = clock
    this.#limits = limits
    this.#onFailure = onFailure
  }

  push(frame: Uint8Array): void {
    if (this.#failure !== undefined) return
    this.#unsent++
    if (this.#watch === undefined) this.#arm()
    const written = this.#stream.write(frame)
    if (written === this.#batch?.written) {
      this.#batch.count++
      return
    }
    const batch = { written, count: 1 }
    this.#batch = batch
    written.then(
      () => this.#onSent(batch.count),
      (error: unknown) => this.#fail(error),
    )
  }

  /** May another request be read? */
  get hasRoom(): boolean {
    return this.#failure === undefined && this.#unsent < this.#limits.maxUnsentAnswers
  }
  /** Resolves when another request may be read. Rejects when the stream has failed. */
  room(): Promise<void> {
    return this.#below(this.#limits.maxUnsentAnswers)
  }
  /** Resolves when everything has been taken by the transport. */
  drained(): Promise<void> {
    return this.#below(1)
  }

  /** Forgets its timer; to be called when the stream is over. */
  dispose(): void {
    this.#watch?.()
    this.#watch = undefined
  }

  #below(below: number): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#unsent < below) return READY
    return new Promise((resolve, reject) => this.#waiters.push({ below, resolve, reject }))
  }

  #onSent(count: number): void {
    this.#unsent -= count
    this.#sent += count
    if (this.#waiters.length > 0) {
      for (const w of this.#waiters) if (this.#unsent < w.below) w.resolve()
      this.#waiters = this.#waiters.filter((w) => this.#unsent >= w.below)
    }
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
