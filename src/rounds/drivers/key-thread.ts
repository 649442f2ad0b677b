import { Worker, type WorkerOptions } from 'node:worker_threads'
import { CodedError, describeError, withDeadline, zeroize } from '../../base/index.ts'
import type { KeyMaterial, MadeKey } from '../../crypto/index.ts'
import { ThreadControl } from './thread-control.ts'

export interface KeyThreadTimes {
  /** Until a key must be made, and before that until it has a thread. */
  readonly makeMs: number
  /** Until a thread that was told to stop is stopped by force. */
  readonly leaveMs: number
}

/**
 * One thread that makes one key. A thread that is stopped inside the addon's C++ ends the whole process (an exception that nobody
 * catches), and anyone who can end an attempt could choose the moment. So it is told to stop, and looks before every call into
 * the addon; only one that does not hear of it for longer than any such call takes is stopped by force, since it hangs.
 */
export class KeyThread {
  readonly #worker: Worker
  readonly #control = new ThreadControl()
  readonly #gone = Promise.withResolvers<void>()
  readonly #answer: Promise<MadeKey>
  readonly #shares: Uint8Array

  /**
   * Takes the shares over. `ended`: told once, when the thread is gone or given up. Throws `KEYGEN_THREAD` where the system gives
   * no thread; then nobody is told.
   */
  constructor(url: URL, material: KeyMaterial, ended: () => void) {
    // A copy of its own, so that it can be moved: what is transferred is gone from here.
    const shares = material.shares.slice()
    zeroize(material.shares)
    // Flags meant for this process (`--input-type`, `--inspect`) are not passed on, and its environment is none of a worker's.
    const worker = begin(url, { execArgv: [], env: {}, workerData: this.#control.shared }, shares)
    this.#worker = worker
    this.#shares = shares
    void this.#gone.promise.then(ended)
    worker.once('exit', () => this.#gone.resolve())
    this.#answer = new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', (error) => reject(failed(describeError(error))))
      worker.once('exit', (code) => reject(failed(`it ended with code ${code}`)))
    })
    worker.postMessage({ ...material, shares }, [shares.buffer])
  }

  async make({ makeMs, leaveMs }: KeyThreadTimes, signal: AbortSignal): Promise<MadeKey> {
    try {
      const made = await withDeadline('the key', makeMs, () => this.#answer, signal)
      await this.#worker.terminate()
      return made
    } catch (error) {
      void this.leave(leaveMs)
      throw error instanceof CodedError && error.code === 'KEYGEN_THREAD' ? error : failed(describeError(error))
    } finally {
      // Nothing is left of what was moved.
      if (this.#shares.length > 0) zeroize(this.#shares)
    }
  }

  /** Tells the thread to stop; what it has made by then is forgotten. Resolves when it is gone, `leaveMs` from now at the latest. */
  async leave(leaveMs: number): Promise<void> {
    this.#control.stop()
    this.#answer.then(
      (made) => {
        if (made.kind === 'key') zeroize(made.key.signingShare)
        void this.#worker.terminate()
      },
      () => {},
    )
    const timer = setTimeout(() => {
      void this.#worker.terminate()
      // Stuck in the addon, not even that ends it: nobody waits for it, and another has its turn.
      this.#worker.unref()
      this.#gone.resolve()
    }, leaveMs)
    await this.#gone.promise
    clearTimeout(timer)
  }

  /** For the end of the process, which stops threads wherever they are: stands still until this one is out of the addon. */
  settle(leaveMs: number): void {
    this.#control.stop()
    this.#control.waitIdle(leaveMs)
  }
}

function begin(url: URL, options: WorkerOptions, shares: Uint8Array): Worker {
  try {
    return new Worker(url, options)
  } catch (error) {
    zeroize(shares)
    throw failed(describeError(error))
  }
}

const failed = (why: string) =>
  new CodedError('KEYGEN_THREAD', `the thread that makes the key failed: ${why}; the attempt is made again`)
