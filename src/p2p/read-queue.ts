/** Counted beside a frame's bytes, so that empty frames fill the queue, too. */
export const FRAME_OVERHEAD_BYTES = 64

interface Flow {
  /** More than the high water is waiting. */
  full(): void
  /** Everything waiting was taken. */
  roomy(): void
}
interface Waiter {
  readonly resolve: (frame: Uint8Array | undefined) => void
  readonly reject: (reason: unknown) => void
}

/** Frames that were received and not yet read. What came before an end or a failure is still read. */
export class ReadQueue {
  readonly #highWaterBytes: number
  readonly #flow: Flow
  readonly #frames: Uint8Array[] = []
  readonly #waiters: Waiter[] = []
  #bytes = 0
  #over: { readonly error?: Error } | undefined

  constructor(highWaterBytes: number, flow: Flow) {
    this.#highWaterBytes = highWaterBytes
    this.#flow = flow
  }

  put(frame: Uint8Array): void {
    const waiter = this.#waiters.shift()
    if (waiter !== undefined) {
      waiter.resolve(frame)
      return
    }
    this.#frames.push(frame)
    this.#bytes += frame.length + FRAME_OVERHEAD_BYTES
    if (this.#bytes > this.#highWaterBytes) this.#flow.full()
  }

  end(): void {
    this.#over ??= {}
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(undefined)
  }
  fail(error: Error): void {
    this.#over ??= { error }
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error)
  }

  /** The next frame; undefined after the end. Rejects with the failure, or with the signal's reason. */
  take(signal?: AbortSignal): Promise<Uint8Array | undefined> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    const frame = this.takeNow()
    if (frame !== undefined) return Promise.resolve(frame)
    if (this.#over !== undefined)
      return this.#over.error === undefined ? Promise.resolve(undefined) : Promise.reject(this.#over.error)
    return this.#wait(signal)
  }

  /** The next frame if it is there already. */
  takeNow(): Uint8Array | undefined {
    const frame = this.#frames.shift()
    if (frame === undefined) return undefined
    this.#bytes -= frame.length + FRAME_OVERHEAD_BYTES
    if (this.#frames.length === 0) this.#flow.roomy()
    return frame
  }

  #wait(signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array | undefined>()
    const onAbort = () => {
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1)
      reject(signal?.reason)
    }
    const waiter: Waiter = {
      resolve: (frame) => {
        signal?.removeEventListener('abort', onAbort)
        resolve(frame)
      },
      reject: (reason) => {
        signal?.removeEventListener('abort', onAbort)
        reject(reason)
      },
    }
    this.#waiters.push(waiter)
    signal?.addEventListener('abort', onAbort, { once: true })
    return promise
  }
}
