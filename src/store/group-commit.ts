import { describeError, LIMITS, withDeadline } from '../base/index.ts'
import { StoreError } from './errors.ts'

export type Write =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string }

interface Waiting {
  readonly write: Write
  readonly resolve: () => void
  readonly reject: (error: StoreError) => void
}

/**
 * Many writes, one sync: what is asked for while a sync runs goes into the next one, in order.
 * After one failed sync nobody can say what is on disk, so every later write is refused (R30).
 */
export class GroupCommit {
  readonly #commit: (writes: readonly Write[]) => Promise<void>
  readonly #dir: string
  readonly #onFatal: ((error: StoreError) => void) | undefined
  readonly #timeoutMs: number
  #waiting: Waiting[] = []
  #running: Promise<void> | undefined
  #fatal: StoreError | undefined
  #syncingSinceMs: number | undefined

  constructor(
    commit: (writes: readonly Write[]) => Promise<void>,
    dir: string,
    onFatal?: (error: StoreError) => void,
    timeoutMs: number = LIMITS.storeSyncTimeoutMs,
  ) {
    this.#commit = commit
    this.#dir = dir
    this.#onFatal = onFatal
    this.#timeoutMs = timeoutMs
  }

  /** Resolves when the write is synced. Throws `STORE_WRITE_FAILED`. */
  add(write: Write): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#waiting.push({ write, resolve, reject })
    this.#running ??= this.#run()
    return promise
  }

  /** Since when the sync under way has been, unix ms. */
  syncingSinceMs(): number | undefined {
    return this.#syncingSinceMs
  }

  /** Resolves when nothing is waiting any more. */
  async idle(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    // Lets everything that is asked for in this tick join the first sync.
    await new Promise<void>((resolve) => setImmediate(resolve))
    while (this.#waiting.length > 0) {
      const group = this.#waiting
      this.#waiting = []
      try {
        if (this.#fatal === undefined) await this.#sync(group.map((w) => w.write))
      } catch (error) {
        this.#fail(error)
      }
      this.#syncingSinceMs = undefined
      const fatal = this.#fatal
      for (const w of group) fatal === undefined ? w.resolve() : w.reject(fatal)
    }
    this.#running = undefined
  }

  /** A sync that does not end is a failed one: nobody can say what is on disk, and callers must not wait for ever. */
  async #sync(writes: readonly Write[]): Promise<void> {
    this.#syncingSinceMs = Date.now()
    await withDeadline('writing to the disk', this.#timeoutMs, () => this.#commit(writes))
  }

  #fail(cause: unknown): void {
    const error = new StoreError(
      'STORE_WRITE_FAILED',
      `the store ${this.#dir} could not be written (${describeError(cause)}); check the disk, then start the node again`,
      { path: this.#dir },
      { cause },
    )
    this.#fatal = error
    // Apart from this loop: the writes that wait are refused whatever the listener does.
    queueMicrotask(() => this.#onFatal?.(error))
  }
}
