import { describeError, type Logger } from '../../base/index.ts'
import { S2StateError } from './errors.ts'

/** After one failed read or write nobody can say what is on disk: everything is refused from then on, and the process must stop (R30). */
export class FatalLatch {
  readonly #logger: Logger
  readonly #onFatal: (error: S2StateError) => void
  #fatal: S2StateError | undefined

  /** `onFatal` is called once. */
  constructor(logger: Logger, onFatal: (error: S2StateError) => void) {
    this.#logger = logger
    this.#onFatal = onFatal
  }

  /** Starts `work` at once. Whatever it throws is final. Throws `S2_BINDINGS_FAILED`. */
  async critical<T>(work: () => Promise<T>): Promise<T> {
    this.assertSound()
    try {
      return await work()
    } catch (error) {
      throw this.#fail(error)
    }
  }

  get failed(): boolean {
    return this.#fatal !== undefined
  }

  /** Throws `S2_BINDINGS_FAILED` if anything failed before. */
  assertSound(): void {
    if (this.#fatal !== undefined) throw this.#fatal
  }

  #fail(cause: unknown): S2StateError {
    if (this.#fatal !== undefined) return this.#fatal
    const error = new S2StateError(
      'S2_BINDINGS_FAILED',
      `bindings of one-time keys could not be read or written (${describeError(cause)}); nothing is signed any more, check the disk and start the node again`,
      {},
      { cause },
    )
    this.#fatal = error
    this.#logger.error('bindings of one-time keys failed; the service stops', { error: describeError(cause) })
    queueMicrotask(() => this.#onFatal(error))
    return error
  }
}
