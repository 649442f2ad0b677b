import type { Clock } from '../base/index.ts'

/** Waits for shared work no longer than one caller wants to; the work itself goes on for the others. */
export async function waitFor<T>(
  work: Promise<T>,
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  onStop: (why: 'timeout' | 'aborted') => T,
): Promise<T> {
  const { promise: stopped, resolve } = Promise.withResolvers<T>()
  const cancel = clock.after(timeoutMs, () => resolve(onStop('timeout')))
  const onAbort = () => resolve(onStop('aborted'))
  signal?.addEventListener('abort', onAbort, { once: true })
  if (signal?.aborted) onAbort()
  try {
    return await Promise.race([stopped, work])
  } finally {
    cancel()
    signal?.removeEventListener('abort', onAbort)
  }
}
