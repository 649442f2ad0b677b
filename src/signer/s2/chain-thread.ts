import { Worker, type WorkerOptions } from 'node:worker_threads'
import { CodedError, codeOf, describeError, withDeadline } from '../../base/index.ts'
import { CURVE_VARIABLE } from '../../curve/index.ts'
import { type ChainItem, isAnswerTo } from './chain-work.ts'

/**
 * Hashing needs no curve. Without its addon a thread holds no C++ but Node's own, so it can be stopped wherever it stands. Flags
 * meant for this process are not passed on, and its environment is none of a thread's.
 */
const OPTIONS: WorkerOptions = { execArgv: [], env: { [CURVE_VARIABLE]: 'noble' } }
/** A thread that hashes is stopped within a millisecond; one that is still loading its modules, within a few. */
const LEAVE_MS = 5_000

/** One thread that makes hash chains, one slice at a time. What goes wrong with it is `CHAIN_THREAD`. */
export class ChainThread {
  readonly #worker: Worker
  readonly #gone = Promise.withResolvers<void>()
  #why: string | undefined
  #answer: PromiseWithResolvers<unknown> | undefined

  /** `ended`: told once, when nothing more comes of it, and why. Throws where the system gives no thread; then nobody is told. */
  constructor(url: URL, material: SharedArrayBuffer, ended: (why: string) => void) {
    try {
      this.#worker = new Worker(url, { ...OPTIONS, workerData: material })
    } catch (error) {
      throw failed(describeError(error))
    }
    this.#worker.on('message', (answer: unknown) => this.#answer?.resolve(answer))
    this.#worker.on('messageerror', (error) => this.#answer?.reject(failed(describeError(error))))
    this.#worker.on('error', (error) => {
      this.#why = describeError(error)
    })
    this.#worker.once('exit', (code) => {
      const why = this.#why ?? `it ended with code ${code}`
      this.#answer?.reject(failed(why))
      this.#gone.resolve()
      ended(why)
    })
    // What keeps the process alive is the deadline of whoever waits for it. At last, for each listener refers to it again.
    this.#worker.unref()
  }

  /** Answers of all items, in order. After a failure the thread is good for nothing but `stop`. */
  async run(items: readonly ChainItem[], timeoutMs: number): Promise<readonly Uint8Array[]> {
    const answer = Promise.withResolvers<unknown>()
    this.#answer = answer
    this.#worker.postMessage(items)
    const answers = await withDeadline('a slice of hash chains', timeoutMs, () => answer.promise).catch((error) => {
      throw codeOf(error) === 'CHAIN_THREAD' ? error : failed(describeError(error))
    })
    this.#answer = undefined
    if (!isAnswerToAll(items, answers)) throw failed('it answered something else')
    return answers
  }

  /** Resolves when it is gone. */
  async stop(): Promise<void> {
    void this.#worker.terminate()
    await withDeadline('the end of a thread', LEAVE_MS, () => this.#gone.promise)
  }
}

function isAnswerToAll(items: readonly ChainItem[], answers: unknown): answers is readonly Uint8Array[] {
  return Array.isArray(answers) && items.every((item, i) => isAnswerTo(item, answers[i]))
}

const failed = (why: string) =>
  new CodedError('CHAIN_THREAD', `a thread that makes hash chains failed: ${why}; ask again`)
