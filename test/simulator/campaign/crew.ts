import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Verdict } from './verdict.ts'

/** Far beyond what a seed takes on a busy machine: one that never ends fails, and does not hold up the others. */
const SEED_TIMEOUT_MS = 15 * 60_000
const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url))

export interface Told {
  readonly verdict: Verdict
  /** Of the process that played it. */
  readonly rssBytes: number
}

/**
 * Plays seeds in `jobs` processes at once: simulations draw all of a process's randomness from their seed, so two of them can't
 * share one. Each takes the next seed when it is done with one. Resolves when all are played.
 */
export async function playAll(
  seeds: readonly string[],
  jobs: number,
  onTold: (told: Told) => void,
  { worker = WORKER, timeoutMs = SEED_TIMEOUT_MS }: { readonly worker?: string; readonly timeoutMs?: number } = {},
): Promise<void> {
  const left = [...seeds]
  const member = async (): Promise<void> => {
    let child: ChildProcess | undefined
    for (let seed = left.shift(); seed !== undefined; seed = left.shift()) {
      child ??= fork(worker)
      const told = await ask(child, seed, timeoutMs)
      if (told.verdict.tally === undefined) {
        // Whatever a run that failed has left behind shall not disturb the next one.
        child.kill('SIGKILL')
        child = undefined
      }
      onTold(told)
    }
    child?.disconnect()
  }
  await Promise.all(Array.from({ length: Math.min(jobs, seeds.length) }, member))
}

function ask(child: ChildProcess, seed: string, timeoutMs: number): Promise<Told> {
  return new Promise((resolve) => {
    const end = (told: Told) => {
      clearTimeout(timer)
      child.removeAllListeners()
      resolve(told)
    }
    const failed = (what: string) =>
      end({ verdict: { seed, wrong: [what], tally: undefined, account: undefined }, rssBytes: 0 })
    const timer = setTimeout(() => failed(`did not end within ${timeoutMs} ms`), timeoutMs)
    child.on('message', (told: Told) => end(told))
    child.on('error', (error) => failed(`its process failed: ${error.message}`))
    child.on('exit', (code, signal) => failed(`its process ended: ${signal ?? code}`))
    child.send(seed)
  })
}
