import { Worker } from 'node:worker_threads'
import { CodedError, DeadlineError, LIMITS, withDeadline, zeroize } from '../../base/index.ts'
import type { KeyMaterial, MadeKey } from '../../crypto/index.ts'
import { Turns } from './turns.ts'

/** Runs as source under type stripping and as compiled JavaScript: the worker has this file's own extension. */
const WORKER = new URL(import.meta.url.endsWith('.ts') ? './keygen-worker.ts' : './keygen-worker.js', import.meta.url)
/** A node makes one key at a time; with one more it can have given an attempt up and be in the next. */
const AT_ONCE = 2

/** Port of the keygen runner. Takes the shares over: they are zeroed, or moved away, whatever happens. */
export type MakesKeys = (material: KeyMaterial, signal?: AbortSignal) => Promise<MadeKey>

/**
 * Makes keys of large sets on a thread of their own, so that the event loop keeps its heartbeats: 100 members take half a
 * second. Throws `KEYGEN_THREAD` if the thread dies or takes too long; the attempt ends then, and the next one has another thread.
 */
export function keyThreads(worker: URL = WORKER, timeoutMs: number = LIMITS.keygenComputeTimeoutMs): MakesKeys {
  const turns = new Turns(AT_ONCE)
  return async (material, signal) => {
    if (!(await turns.take(timeoutMs, signal))) {
      zeroize(material.shares)
      throw new CodedError('KEYGEN_THREAD', 'the threads that make keys are busy; the attempt is made again')
    }
    return await make(worker, material, timeoutMs, signal, () => turns.give())
  }
}

/** `ended`: told once, when the thread is gone. */
async function make(
  url: URL,
  material: KeyMaterial,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  ended: () => void,
): Promise<MadeKey> {
  // A copy of its own, so that it can be moved: what is transferred is gone from here.
  const shares = material.shares.slice()
  zeroize(material.shares)
  // Flags meant for this process (`--input-type`, `--inspect`) are not passed on, and its environment is none of a worker's.
  const worker = new Worker(url, { execArgv: [], env: {} })
  worker.once('exit', ended)
  const answer = answerOf(worker, { ...material, shares })
  try {
    const made = await withDeadline('the key', timeoutMs, () => answer, signal)
    await worker.terminate()
    return made
  } catch (error) {
    leave(worker, answer)
    // It may be stuck for ever: it keeps its turn, and not the process.
    if (error instanceof DeadlineError) worker.unref()
    throw error instanceof CodedError && error.code === 'KEYGEN_THREAD' ? error : failed(String(error))
  } finally {
    // Nothing is left of what was moved.
    if (shares.length > 0) zeroize(shares)
  }
}

/**
 * A thread that is stopped inside the addon's C++ ends the whole process (an exception that nobody catches), and anyone who can
 * end an attempt could choose the moment. So it goes on to its end, in a second or two, and what it made is forgotten.
 */
function leave(worker: Worker, answer: Promise<MadeKey>): void {
  answer.then(
    (made) => {
      if (made.kind === 'key') zeroize(made.key.signingShare)
      void worker.terminate()
    },
    () => {},
  )
}

function answerOf(worker: Worker, material: KeyMaterial): Promise<MadeKey> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', (error) => reject(failed(String(error))))
    worker.once('exit', (code) => reject(failed(`it ended with code ${code}`)))
    worker.postMessage(material, [material.shares.buffer as ArrayBuffer])
  })
}

const failed = (why: string) =>
  new CodedError('KEYGEN_THREAD', `the thread that makes the key failed: ${why}; the attempt is made again`)
