import { type Cancel, type Clock, DeadlineError } from '../base/index.ts'

export interface RaceInit<C, T> {
  readonly clock: Clock
  /** The next candidate starts this long after the last one, and at once when one fails. */
  readonly staggerMs: number
  /** No more than this run at once. */
  readonly maxRunning: number
  /** One that has run for this long is given up once another one waits for its place. */
  readonly attemptMs: number
  readonly signal: AbortSignal
  readonly attempt: (candidate: C, signal: AbortSignal) => Promise<T>
  /** Undoes an attempt that succeeded although the race was over. */
  readonly discard: (late: T) => void
}

/**
 * Happy eyeballs (RFC 8305): the best candidate first, each next one after a short delay, the first success wins and the
 * others are called off. So one dead address costs a delay, and not its whole timeout, and as many as may run at once don't
 * hide the next one. Rejects with AggregateError of all
 * failures, or with the signal's reason.
 */
export function raceInOrder<C, T>(candidates: readonly C[], init: RaceInit<C, T>): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const failures: unknown[] = []
  let started = 0
  /** In order of their start. */
  const running = new Map<AbortController, { readonly sinceMs: number; readonly giveUp: (reason: Error) => void }>()
  let isOver = false
  let cancelNext: Cancel = () => {}

  const end = (settle: () => void, reason: unknown) => {
    isOver = true
    cancelNext()
    init.signal.removeEventListener('abort', onAbort)
    settle()
    for (const controller of [...running.keys()]) controller.abort(reason)
  }
  const onAbort = () => end(() => reject(init.signal.reason), init.signal.reason)
  const startNext = () => {
    cancelNext()
    if (isOver || started === candidates.length) return
    if (running.size === init.maxRunning) return giveUpOldest()
    void run(candidates[started++] as C)
    if (started < candidates.length) cancelNext = init.clock.after(init.staggerMs, startNext)
  }
  const giveUpOldest = () => {
    const [oldest] = running.values()
    if (oldest === undefined) return
    const leftMs = oldest.sinceMs + init.attemptMs - init.clock.monotonicMs()
    if (leftMs > 0) cancelNext = init.clock.after(leftMs, startNext)
    else oldest.giveUp(new DeadlineError('an address, while others were to be tried,', init.attemptMs))
  }
  const run = async (candidate: C): Promise<void> => {
    // One for each: a TCP socket dies with the signal that it was dialled under, also later, so the winner's must not abort.
    const controller = new AbortController()
    const failed = (error: unknown) => {
      if (!running.delete(controller)) return
      failures.push(error)
      if (!isOver && running.size === 0 && started === candidates.length)
        end(() => reject(new AggregateError(failures, 'every attempt failed')), error)
      else startNext()
    }
    const giveUp = (reason: Error) => {
      controller.abort(reason)
      failed(reason)
    }
    running.set(controller, { sinceMs: init.clock.monotonicMs(), giveUp })
    try {
      const value = await init.attempt(candidate, controller.signal)
      if (isOver || !running.delete(controller)) init.discard(value)
      else end(() => resolve(value), new Error('another address answered first'))
    } catch (error) {
      failed(error)
    }
  }

  if (init.signal.aborted) return Promise.reject(init.signal.reason)
  init.signal.addEventListener('abort', onAbort)
  if (candidates.length === 0) end(() => reject(new AggregateError([], 'there was nothing to attempt')), undefined)
  else startNext()
  return promise
}
