import { type Cancel, type Clock, CodedError } from '../base/index.ts'

export interface ReadSchedulerInit<T> {
  readonly clock: Clock
  /** Reads start at least this far apart (R10). */
  readonly minIntervalMs: number
  /** From the end of a read to the next one, if nothing asks earlier. */
  readonly pollIntervalMs: number
  /** Must settle within its own deadline, and soon after its signal aborts. */
  readonly read: (signal: AbortSignal) => Promise<T>
}

interface Waiters<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (reason: unknown) => void
}

/** One read at a time: poll, hints and callers share it. Whatever a read does, the next one is armed. */
export class ReadScheduler<T> {
  readonly #init: ReadSchedulerInit<T>
  #stopping: AbortController | undefined
  #running: Promise<T> | undefined
  #next: Waiters<T> | undefined
  #cancel: Cancel | undefined
  #soon = false
  #lastStartMs = Number.NEGATIVE_INFINITY

  constructor(init: ReadSchedulerInit<T>) {
    this.#init = init
  }

  /** Arms the first read at once. */
  start(): void {
    if (this.#stopping !== undefined) return
    this.#stopping = new AbortController()
    this.#lastStartMs = Number.NEGATIVE_INFINITY
    this.#arm(0)
  }

  /** Aborts a running read and waits for its end. */
  async stop(): Promise<void> {
    const stopping = this.#stopping
    if (stopping === undefined) return
    this.#stopping = undefined
    this.#cancel?.()
    this.#soon = false
    const reason = stopped()
    stopping.abort(reason)
    this.#next?.reject(reason)
    this.#next = undefined
    await Promise.allSettled([this.#running])
  }

  /** A read that starts after now, and not before its turn. During a read it asks for one more: that one may have missed the news. */
  hint(): void {
    if (this.#stopping === undefined || this.#soon) return
    this.#soon = true
    if (this.#running === undefined) this.#armSoon()
  }

  /** Joins the running read, or asks for the next. `signal` ends the wait, not the read. */
  readNow(signal?: AbortSignal): Promise<T> {
    if (this.#stopping === undefined) return Promise.reject(stopped())
    return abortable(this.#running ?? this.#request(), signal)
  }

  #request(): Promise<T> {
    this.hint()
    if (this.#next === undefined) {
      this.#next = Promise.withResolvers<T>()
      // The waiters may all have left by the time it fails; `read` reports its failures itself.
      this.#next.promise.catch(ignoreReported)
    }
    return this.#next.promise
  }

  #armSoon(): void {
    const { clock, minIntervalMs } = this.#init
    const restMs = this.#lastStartMs + minIntervalMs - clock.monotonicMs()
    this.#arm(Math.max(0, restMs))
  }

  #arm(delayMs: number): void {
    this.#cancel?.()
    this.#cancel = this.#init.clock.after(delayMs, () => this.#begin())
  }

  #begin(): void {
    const stopping = this.#stopping
    if (stopping === undefined || this.#running !== undefined) return
    this.#cancel = undefined
    this.#soon = false
    this.#lastStartMs = this.#init.clock.monotonicMs()
    const waiters = this.#next
    this.#next = undefined
    const running = this.#init.read(stopping.signal)
    this.#running = running
    const end = () => {
      this.#running = undefined
      if (this.#stopping !== stopping) return
      if (this.#soon) this.#armSoon()
      else this.#arm(Math.max(this.#init.pollIntervalMs, this.#init.minIntervalMs))
    }
    running.then(
      (value) => {
        end()
        waiters?.resolve(value)
      },
      (error: unknown) => {
        end()
        waiters?.reject(error)
      },
    )
  }
}

const stopped = () =>
  new CodedError('STOPPED', 'the registry watcher is not running; start it, or wait for the node to be up')

function ignoreReported(_error: unknown): void {
  // Nothing left to tell: the read itself counted and logged it.
}

function abortable<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return promise
  if (signal.aborted) return Promise.reject(signal.reason)
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    const settled = () => signal.removeEventListener('abort', onAbort)
    promise.then(
      (value) => {
        settled()
        resolve(value)
      },
      (error: unknown) => {
        settled()
        reject(error)
      },
    )
  })
}
