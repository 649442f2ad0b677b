import { CodedError, LIMITS, Semaphore, zeroize } from '../../base/index.ts'
import type { KeyMaterial, MadeKey } from '../../crypto/index.ts'
import { KeyThread, type KeyThreadTimes } from './key-thread.ts'

/** Runs as source under type stripping and as compiled JavaScript: the worker has this file's own extension. */
const WORKER = new URL(import.meta.url.endsWith('.ts') ? './keygen-worker.ts' : './keygen-worker.js', import.meta.url)
/** A node makes one key at a time; with one more it can have given an attempt up and be in the next. */
const AT_ONCE = 2

/** Port of the keygen runner. Takes the shares over: they are zeroed, or moved away, whatever happens. */
export type MakesKeys = (material: KeyMaterial, signal?: AbortSignal) => Promise<MadeKey>

/** `stop`: gives up what is being made, and resolves when no thread is left; nothing is made any more. */
export type KeyThreads = MakesKeys & { readonly stop: () => Promise<void> }

const TIMES: KeyThreadTimes = { makeMs: LIMITS.keygenComputeTimeoutMs, leaveMs: LIMITS.keygenThreadLeaveMs }

/**
 * Makes keys of large sets on a thread of their own, so that the event loop keeps its heartbeats: 100 members take half a
 * second. Throws `KEYGEN_THREAD` if the thread dies or takes too long; the attempt ends then, and the next one has another thread.
 * After `stop` it throws `STOPPED`.
 */
export function keyThreads(worker: URL = WORKER, times: Partial<KeyThreadTimes> = {}): KeyThreads {
  const { makeMs, leaveMs } = { ...TIMES, ...times }
  const turns = new Semaphore(AT_ONCE)
  const running = new Set<KeyThread>()
  const over = new AbortController()
  // `process.exit` stops threads wherever they are: not before they are out of the addon, or it would abort the process.
  const onExit = () => {
    for (const thread of running) thread.settle(leaveMs)
  }
  const begin = (material: KeyMaterial): KeyThread => {
    try {
      const thread = new KeyThread(worker, material, () => {
        running.delete(thread)
        if (running.size === 0) process.off('exit', onExit)
        turns.give()
      })
      if (running.size === 0) process.on('exit', onExit)
      running.add(thread)
      return thread
    } catch (error) {
      // There is no thread that would give it back.
      turns.give()
      throw error
    }
  }
  const make: MakesKeys = async (material, attempt) => {
    const signal = attempt === undefined ? over.signal : AbortSignal.any([attempt, over.signal])
    const isOurTurn = await turns.take(makeMs, signal)
    if (!isOurTurn || signal.aborted) {
      if (isOurTurn) turns.give()
      zeroize(material.shares)
      over.signal.throwIfAborted()
      throw new CodedError('KEYGEN_THREAD', 'the threads that make keys are busy; the attempt is made again')
    }
    const thread = begin(material)
    return await thread.make({ makeMs, leaveMs }, signal)
  }
  return Object.assign(make, {
    stop: async () => {
      over.abort(new CodedError('STOPPED', 'the node is stopping'))
      await Promise.all([...running].map((thread) => thread.leave(leaveMs)))
    },
  })
}
