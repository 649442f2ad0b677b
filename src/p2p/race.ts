import type { Cancel, Clock } from '../base/index.ts'

export interface RaceInit<C, T> {
  readonly clock: Clock
  /** The next candidate starts this long after the last one, and at once when one fails. */
  readonly staggerMs: number
  /** No more than this run at once. */
  readonly maxRunning: number
  readonly signal: AbortSignal
  readonly attempt: (candidate: C, signal: AbortSignal) => Promise<T>
  /** Undoes an attempt that succeeded although the race was over. */
  readonly discard: (late: T) => void
}

/**
 * Happy eyeballs (RFC 8305): the best candidate first, each next one after a short delay, the first success wins and the
 * others are called off. So one dead address costs a delay, and not its whole timeout. Rejects with AggregateError of all
 * failures, or with the signal's reason.
 */
export function raceInOrder<C, T>(candidates: readonly C[], init: RaceInit<C, T>): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const controllers = new Set<AbortController>()
  const failures: unknown[] = []
  let started = 0
  let running = 0
  let isOver = false
  let cancelNext: Cancel = () => {}

  const end = (settle: () => void, reason: unknown) => {
    isOver = true
    cancelNext()
    init.signal.removeEventListener('abort', onAbort)
    settle()
    for (const controller of controllers) controller.abort(reason)
  }
  const onAbort = () => end(() => reject(init.signal.reason), init.signal.reason)
  const startNext = () => {
    cancelNext()
    if (isOver || started === candidates.length || running === init.maxRunning) return
    const candidate = candidates[started++] as C
    running++
    void run(candidate)
    if (started < candidates.length) cancelNext = init.clock.after(init.staggerMs, startNext)
  }
  const run = async (candidate: C): Promise<void> => {
    // One for each: a TCP socket dies with the signal that it was dialled under, also later, so the winner's must not abort.
    const controller = new AbortController()
    controllers.add(controller)
    try {
      const value = await init.attempt(candidate, controller.signal)
      controllers.delete(controller)
      if (isOver) init.discard(value)
      else end(() => resolve(value), new Error('another address answered first'))
    } catch (error) {
      controllers.delete(controller)
      running--
      failures.push(error)
      if (!isOver && running === 0 && started === candidates.length)
        end(() => reject(new AggregateError(failures, 'every attempt failed')), error)
      else startNext()
    }
  }

  if (init.signal.aborted) return Promise.reject(init.signal.reason)
  init.signal.addEventListener('abort', onAbort)
  if (candidates.length === 0) end(() => reject(new AggregateError([], 'there was nothing to attempt')), undefined)
  else startNext()
  return promise
}
