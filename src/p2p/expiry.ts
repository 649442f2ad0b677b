import { type Clock, DeadlineError } from '../base/index.ts'

export interface Expiry {
  readonly signal: AbortSignal
  /** Takes the timer back. */
  readonly done: () => void
}

/** A signal that aborts with `DEADLINE` after `timeoutMs` of this very clock, which may be a virtual one, or with `parent`. */
export function expiryOn(clock: Clock, waitingFor: string, timeoutMs: number, parent?: AbortSignal): Expiry {
  const controller = new AbortController()
  const done = () => {
    cancel()
    parent?.removeEventListener('abort', onParent)
  }
  const onParent = () => {
    done()
    controller.abort(parent?.reason)
  }
  const cancel = clock.after(timeoutMs, () => {
    parent?.removeEventListener('abort', onParent)
    controller.abort(new DeadlineError(waitingFor, timeoutMs))
  })
  if (parent?.aborted) onParent()
  else parent?.addEventListener('abort', onParent, { once: true })
  return { signal: controller.signal, done }
}

/** The promise's outcome, or the signal's reason if that comes first. What the promise does then is nobody's concern. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  promise.catch(() => {})
  if (signal === undefined) return promise
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
