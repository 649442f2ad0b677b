import { DeadlineError, sleep } from '../base/index.ts'

const POLL_MS = 100

/** Asks until there is an answer. Throws `DEADLINE` naming what was waited for. */
export async function until<T>(
  waitingFor: string,
  timeoutMs: number,
  ask: () => Promise<T | undefined>,
  signal: AbortSignal,
): Promise<T> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (Date.now() > deadline) throw new DeadlineError(waitingFor, timeoutMs)
    await sleep(POLL_MS, signal)
  }
}
