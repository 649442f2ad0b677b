import { CodedError } from './errors.ts'

/** A wait that ran out. `data.waitingFor` names it, `data.timeoutMs` says how long it was given. */
export class DeadlineError extends CodedError<'DEADLINE'> {
  constructor(waitingFor: string, timeoutMs: number) {
    super('DEADLINE', `${waitingFor} took longer than ${timeoutMs} ms`, { waitingFor, timeoutMs })
  }
}

/** Runs `work` with a signal that aborts after `timeoutMs` or with `parent`, and rejects then even if `work` ignores it. */
export async function withDeadline<T>(
  waitingFor: string,
  timeoutMs: number,
  work: (signal: AbortSignal) => Promise<T>,
  parent?: AbortSignal,
): Promise<T> {
  parent?.throwIfAborted()
  const controller = new AbortController()
  const { promise: stopped, reject } = Promise.withResolvers<never>()
  const stop = (reason: unknown) => {
    controller.abort(reason)
    reject(reason)
  }
  const timer = setTimeout(() => stop(new DeadlineError(waitingFor, timeoutMs)), timeoutMs)
  const onParent = () => stop(parent?.reason)
  parent?.addEventListener('abort', onParent, { once: true })
  try {
    return await Promise.race([work(controller.signal), stopped])
  } finally {
    clearTimeout(timer)
    parent?.removeEventListener('abort', onParent)
  }
}

/** Resolves after `delayMs`, rejects with the signal's reason if it aborts first. */
export function sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, delayMs)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
