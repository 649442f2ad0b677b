import { type Clock, keepAliveClock } from './clock.ts'
import { CodedError } from './errors.ts'

/** A wait that ran out. `data.waitingFor` names it, `data.timeoutMs` says how long it was given. */
export class DeadlineError extends CodedError<'DEADLINE'> {
  constructor(waitingFor: string, timeoutMs: number) {
    super('DEADLINE', `${waitingFor} took longer than ${timeoutMs} ms`, { waitingFor, timeoutMs })
  }
}

/**
 * Runs `work` with a signal that aborts after `timeoutMs` or with `parent`, and rejects then even if `work` ignores it.
 * Real time unless a clock is given; somebody awaits the result, so the process stays alive until then.
 */
export async function withDeadline<T>(
  waitingFor: string,
  timeoutMs: number,
  work: (signal: AbortSignal) => Promise<T>,
  parent?: AbortSignal,
  clock: Clock = keepAliveClock,
): Promise<T> {
  parent?.throwIfAborted()
  const controller = new AbortController()
  const { promise: stopped, reject } = Promise.withResolvers<never>()
  const stop = (reason: unknown) => {
    controller.abort(reason)
    reject(reason)
  }
  const cancel = clock.after(timeoutMs, () => stop(new DeadlineError(waitingFor, timeoutMs)))
  const onParent = () => stop(parent?.reason)
  parent?.addEventListener('abort', onParent, { once: true })
  try {
    return await Promise.race([work(controller.signal), stopped])
  } finally {
    cancel()
    parent?.removeEventListener('abort', onParent)
  }
}

/** Resolves after `delayMs`, rejects with the signal's reason if it aborts first. */
export function sleep(delayMs: number, signal?: AbortSignal, clock: Clock = keepAliveClock): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const onAbort = () => {
      cancel()
      reject(signal?.reason)
    }
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
