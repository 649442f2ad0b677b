import type { SignResult } from '../../signer/index.ts'
import { failure } from './sign-failures.ts'

/** Who waits for which round: several callers may ask for the same, and each may leave. */
export class Callers {
  readonly #waiting = new Map<string, Set<(result: SignResult) => void>>()
  readonly #onLeft: (round: string) => void

  /** `onLeft`: the last one of a round has left it. */
  constructor(onLeft: (round: string) => void) {
    this.#onLeft = onLeft
  }

  /** Resolves with the round's end, or `STOPPED` when the signal says that this caller has left. */
  wait(round: string, signal: AbortSignal | undefined): Promise<SignResult> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(round) ?? new Set()
      this.#waiting.set(round, waiting)
      const settle = (result: SignResult) => {
        signal?.removeEventListener('abort', onAbort)
        waiting.delete(settle)
        if (waiting.size === 0) this.#waiting.delete(round)
        resolve(result)
      }
      const onAbort = () => {
        settle(failure('STOPPED'))
        if (!this.#waiting.has(round)) this.#onLeft(round)
      }
      waiting.add(settle)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  settle(round: string, result: SignResult): void {
    for (const settle of [...(this.#waiting.get(round) ?? [])]) settle(result)
  }
}
