import { type Clock, describeError, type Logger } from '../../base/index.ts'

/** A node waits ten seconds for an observer, and tries again about once a second. */
const DELIVERY_TIMEOUT_MS = 10_000
const RETRY_MS = 1_000
const MAX_TRIES = 5
/** Blocks kept for an observer that doesn't answer; older ones are dropped. */
const MAX_QUEUED = 64

/** Delivers blocks to observers, in order for each, without ever holding up the chain or one another. */
export class Observers {
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #observers = new Set<Observer>()
  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger
    this.#clock = clock
  }

  add(url: string): () => void {
    const target = new URL('new_block', url.endsWith('/') ? url : `${url}/`)
    const observer = new Observer(target, this.#logger, this.#clock)
    this.#observers.add(observer)
    return () => {
      this.#observers.delete(observer)
      observer.stop()
    }
  }

  publish(payload: Readonly<Record<string, unknown>>): void {
    if (this.#observers.size === 0) return
    const body = JSON.stringify(payload)
    for (const observer of this.#observers) observer.enqueue(body)
  }

  stop(): void {
    for (const observer of this.#observers) observer.stop()
    this.#observers.clear()
  }
}

class Observer {
  readonly #target: URL
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #queue: string[] = []
  readonly #stopped = new AbortController()
  #busy = false
  constructor(target: URL, logger: Logger, clock: Clock) {
    this.#target = target
    this.#logger = logger
    this.#clock = clock
  }

  enqueue(body: string): void {
    this.#queue.push(body)
    if (this.#queue.length > MAX_QUEUED) {
      this.#queue.shift()
      this.#logger.warn('observer is too slow, a block was dropped', { observer: this.#target.host })
    }
    if (!this.#busy) void this.#drain()
  }

  stop(): void {
    this.#queue.length = 0
    this.#stopped.abort()
  }

  async #drain(): Promise<void> {
    this.#busy = true
    for (let body = this.#queue.shift(); body !== undefined; body = this.#queue.shift()) await this.#deliver(body)
    this.#busy = false
  }

  async #deliver(body: string): Promise<void> {
    const { signal } = this.#stopped
    for (let tries = 1; tries <= MAX_TRIES && !signal.aborted; tries++) {
      if (await this.#post(body, signal)) return
      if (tries < MAX_TRIES) await this.#pause(signal)
    }
    if (!signal.aborted) this.#logger.warn('observer did not take a block', { observer: this.#target.host })
  }

  /** True if there is no point in trying again: a 4xx is the observer's last word. */
  async #post(body: string, signal: AbortSignal): Promise<boolean> {
    try {
      const answer = await fetch(this.#target, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        signal: AbortSignal.any([signal, AbortSignal.timeout(DELIVERY_TIMEOUT_MS)]),
      })
      await answer.body?.cancel()
      return answer.status < 500
    } catch (error) {
      if (!signal.aborted)
        this.#logger.debug('observer is unreachable', { observer: this.#target.host, error: describeError(error) })
      return signal.aborted
    }
  }

  #pause(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        cancel()
        signal.removeEventListener('abort', end)
        resolve()
      }
      const cancel = this.#clock.after(RETRY_MS, end)
      signal.addEventListener('abort', end, { once: true })
    })
  }
}
