import type { Clock } from '../base/index.ts'

export interface Gathered<T> {
  /** In order of the tasks; undefined where a task failed or was still running. */
  readonly values: readonly (T | undefined)[]
  /** undefined where a task succeeded or was still running. */
  readonly errors: readonly unknown[]
}

/**
 * Runs all tasks; once `enough(values)` holds, waits `graceMs` more, then aborts those still running: one silent endpoint
 * must not hold up every read until its deadline. Once `decided(values)` holds it waits for nobody.
 * Never rejects but with `signal`'s reason.
 */
export async function gather<T>(
  tasks: readonly ((signal: AbortSignal) => Promise<T>)[],
  enough: (values: readonly T[]) => boolean,
  graceMs: number,
  clock: Clock,
  signal?: AbortSignal,
  decided: (values: readonly T[]) => boolean = () => false,
): Promise<Gathered<T>> {
  signal?.throwIfAborted()
  const values: (T | undefined)[] = tasks.map(() => undefined)
  const errors: unknown[] = tasks.map(() => undefined)
  const done: T[] = []
  const controller = new AbortController()
  const { promise: early, resolve: endEarly } = Promise.withResolvers<void>()
  let cancelGrace: (() => void) | undefined
  let isDecided = false
  const onParent = () => controller.abort(signal?.reason)
  signal?.addEventListener('abort', onParent, { once: true })
  const all = tasks.map(async (task, i) => {
    try {
      const value = await task(controller.signal)
      if (controller.signal.aborted) return
      values[i] = value
      done.push(value)
      if (!isDecided && decided(done)) {
        isDecided = true
        cancelGrace?.()
        // What has arrived at the same time is still taken in.
        cancelGrace = clock.after(0, endEarly)
      } else if (cancelGrace === undefined && enough(done)) cancelGrace = clock.after(graceMs, endEarly)
    } catch (error) {
      // After the end these are our own aborts, and nobody reads them.
      if (!controller.signal.aborted) errors[i] = error
    }
  })
  try {
    await Promise.race([Promise.all(all), early])
  } finally {
    signal?.removeEventListener('abort', onParent)
    cancelGrace?.()
    controller.abort(new DOMException('enough answers', 'AbortError'))
  }
  signal?.throwIfAborted()
  return { values, errors }
}
