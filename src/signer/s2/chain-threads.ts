import { availableParallelism } from 'node:os'
import { CodedError, describeError, type Logger } from '../../base/index.ts'
import type { ChainHasher, ChainLoad, ChainMaterial } from './chain-hasher.ts'
import { ChainQueue, type ChainTask } from './chain-queue.ts'
import { ChainThread } from './chain-thread.ts'
import { type ChainItem, ownJob, ownMessage, shareMaterial } from './chain-work.ts'
import { S2Error } from './errors.ts'
import { KeyCache } from './key-cache.ts'
import type { WotsJob } from './types.ts'

/** Runs as source under type stripping and as compiled JavaScript: the worker has this file's own extension. */
const WORKER = new URL(import.meta.url.endsWith('.ts') ? './chain-worker.ts' : './chain-worker.js', import.meta.url)
/** A deposit's burst is a quarter of a second of one core; more threads than this would mostly be 30 MB each, idle. */
const MAX_THREADS = 4
/** Of one slice: 14 keys of 128 bits, under 10 ms. So long a single key may wait behind each burst, and a cancelled one goes on. */
const SLICE_HASHES = 8_000
/** A cold start included, on a machine that does much else; a thread that takes longer hangs. */
const SLICE_MS = 20_000
/** Keys that requests wait for: twenty deposits of 379, about 3 s of two cores and 8 MB of answers. */
const MAX_WAITING = 8_192
/** Public keys of about twenty deposits: what a bridge node asks for again after its restart. */
const CACHE_BYTES = 8 * 1024 * 1024
/** What took a thread with it once may have met a thread that was dying anyway. Twice it may be the reason. */
const MAX_ATTEMPTS = 2

export interface ChainThreadsInit {
  /** Copied; the caller keeps its own. */
  readonly material: ChainMaterial
  readonly logger: Logger
  /** As many as the machine has processors, four at most. */
  readonly threads?: number
  readonly maxWaiting?: number
  readonly cacheBytes?: number
  readonly sliceMs?: number
  readonly worker?: URL
}

/** Hash chains on a few threads, so that a burst of hundreds of keys takes all processors and never the event loop. */
export function chainThreads(init: ChainThreadsInit): ChainHasher {
  return new ChainThreads(init)
}

class ChainThreads implements ChainHasher {
  readonly #init: ChainThreadsInit
  readonly #maxThreads: number
  readonly #material: SharedArrayBuffer
  readonly #cache: KeyCache
  readonly #queue = new ChainQueue()
  /** What is not yet made, by name. */
  readonly #tasks = new Map<string | symbol, ChainTask>()
  readonly #threads = new Set<ChainThread>()
  readonly #leaving = new Set<Promise<void>>()
  #idle: ChainThread[] = []
  #waiting = 0
  #stopping: Promise<void> | undefined

  constructor(init: ChainThreadsInit) {
    this.#init = init
    this.#maxThreads = init.threads ?? Math.min(MAX_THREADS, availableParallelism())
    this.#material = shareMaterial(init.material)
    this.#cache = new KeyCache(init.cacheBytes ?? CACHE_BYTES)
  }

  get load(): ChainLoad {
    return {
      threads: this.#threads.size,
      leaving: this.#leaving.size,
      unmade: this.#tasks.size,
      queued: this.#queue.size,
      cacheBytes: this.#cache.bytes,
    }
  }

  async start(): Promise<void> {
    this.#requireRunning()
    const begun: ChainThread[] = []
    while (this.#threads.size < this.#maxThreads) begun.push(this.#begin())
    // Nothing to make is answered when a thread has loaded, has passed its self-test and is warm.
    await Promise.all(begun.map((thread) => this.#run(thread, [])))
  }

  async publicKeys(jobs: readonly WotsJob[], signal?: AbortSignal): Promise<readonly Uint8Array[]> {
    const named = jobs.map(ownJob)
    this.#admit(named.filter(({ name }) => !this.#cache.has(name)).length, signal)
    const answers = named.map(({ name, job }) => this.#cache.get(name) ?? this.#taskOf(name, job))
    const tasks = answers.filter((answer): answer is ChainTask => !(answer instanceof Uint8Array))
    await this.#allOf(tasks, signal)
    return await Promise.all(
      answers.map(async (answer) => (answer instanceof Uint8Array ? answer : (await answer.made.promise).slice())),
    )
  }

  async signature(job: WotsJob, message: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
    const item = { ...ownJob(job).job, message: ownMessage(job, message) }
    this.#admit(1, signal)
    const task = this.#taskOf(Symbol('signature'), item)
    await this.#allOf([task], signal)
    return await task.made.promise
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    for (const task of this.#tasks.values()) this.#fail(task, stopped())
    this.#cache.clear()
    for (const thread of this.#threads) this.#drop(thread)
    try {
      await Promise.all(this.#leaving)
    } finally {
      new Uint8Array(this.#material).fill(0)
    }
  }

  #requireRunning(): void {
    if (this.#stopping !== undefined) throw stopped()
  }

  #admit(count: number, signal: AbortSignal | undefined): void {
    this.#requireRunning()
    if (signal?.aborted) throw cancelled(signal)
    if (this.#waiting + count > (this.#init.maxWaiting ?? MAX_WAITING))
      throw new S2Error('OVERLOADED', 'too many one-time keys are asked for at once; ask again, for fewer')
  }

  #taskOf(name: string | symbol, item: ChainItem): ChainTask {
    const known = this.#tasks.get(name)
    if (known !== undefined) return known
    const task: ChainTask = { name, item, made: Promise.withResolvers(), state: 'waiting', wanted: 0, attempts: 0 }
    this.#tasks.set(name, task)
    return task
  }

  /** Resolves when all are made. Takes the request out again however it ends. */
  async #allOf(tasks: readonly ChainTask[], signal: AbortSignal | undefined): Promise<void> {
    if (tasks.length === 0) return
    const aborted = Promise.withResolvers<never>()
    const onAbort = () => aborted.reject(cancelled(signal))
    signal?.addEventListener('abort', onAbort, { once: true })
    for (const task of tasks) task.wanted++
    this.#waiting += tasks.length
    const leave = this.#queue.add(tasks)
    this.#pump()
    try {
      await Promise.race([Promise.all(tasks.map((task) => task.made.promise)), aborted.promise])
    } finally {
      signal?.removeEventListener('abort', onAbort)
      leave()
      this.#waiting -= tasks.length
      for (const task of tasks) this.#release(task)
    }
  }

  #release(task: ChainTask): void {
    task.wanted--
    if (task.wanted === 0 && task.state === 'waiting') this.#end(task)
  }

  #end(task: ChainTask): void {
    task.state = 'over'
    this.#tasks.delete(task.name)
  }

  #fail(task: ChainTask, error: unknown): void {
    this.#end(task)
    task.made.reject(error)
  }

  /** Gives slices to threads as long as there are both. */
  #pump(): void {
    while (this.#queue.size > 0) {
      const thread = this.#freeThread()
      if (thread === undefined) return
      const slice = this.#queue.take(SLICE_HASHES)
      // Told to its tasks and to the log.
      if (slice.length > 0) this.#run(thread, slice).catch(() => {})
      else this.#idle.push(thread)
    }
  }

  #freeThread(): ChainThread | undefined {
    if (this.#stopping !== undefined) return undefined
    const idle = this.#idle.pop()
    if (idle !== undefined || this.#threads.size >= this.#maxThreads) return idle
    try {
      return this.#begin()
    } catch (error) {
      // Others will come to it. Where there are none, nobody will.
      if (this.#threads.size === 0) for (const task of this.#tasks.values()) this.#fail(task, error)
      return undefined
    }
  }

  #begin(): ChainThread {
    const thread = new ChainThread(this.#init.worker ?? WORKER, this.#material, (why) => this.#forget(thread, why))
    this.#threads.add(thread)
    return thread
  }

  async #run(thread: ChainThread, slice: readonly ChainTask[]): Promise<void> {
    try {
      const items = slice.map((task) => task.item)
      const answers = await thread.run(items, this.#init.sliceMs ?? SLICE_MS)
      for (const [i, task] of slice.entries()) this.#settle(task, answers[i])
      if (this.#threads.has(thread)) this.#idle.push(thread)
    } catch (error) {
      this.#drop(thread)
      this.#forget(thread, describeError(error))
      this.#again(slice, error)
      throw error
    } finally {
      this.#pump()
    }
  }

  #settle(task: ChainTask, answer: Uint8Array | undefined): void {
    // Over when the threads were stopped meanwhile.
    if (task.state !== 'running' || answer === undefined) return
    this.#end(task)
    if (typeof task.name === 'string') this.#cache.set(task.name, answer)
    task.made.resolve(answer)
  }

  /** What a thread left undone is done once more by another one. */
  #again(slice: readonly ChainTask[], error: unknown): void {
    const open = slice.filter((task) => task.state === 'running')
    for (const task of open) {
      if (task.wanted === 0 || task.attempts >= MAX_ATTEMPTS) this.#fail(task, error)
      else task.state = 'waiting'
    }
    this.#queue.add(open.filter((task) => task.state === 'waiting'))
  }

  #forget(thread: ChainThread, why: string): void {
    this.#idle = this.#idle.filter((idle) => idle !== thread)
    if (this.#threads.delete(thread) && this.#stopping === undefined)
      this.#init.logger.warn('a thread that makes hash chains is gone; another one takes its place', { why })
  }

  #drop(thread: ChainThread): void {
    const left = thread.stop().finally(() => {
      this.#leaving.delete(left)
    })
    left.catch(() => {})
    this.#leaving.add(left)
  }
}

const stopped = () => new S2Error('STOPPED', 'the node is stopping; ask again when it is up')

const cancelled = (signal: AbortSignal | undefined): CodedError =>
  signal?.reason instanceof CodedError
    ? signal.reason
    : new S2Error('CANCELLED', 'nobody waits for the answer any more')
