import { LIMITS } from '../base/index.ts'
import type { RotationStatus } from '../rotation/index.ts'

/** A keygen attempt has a few steps, each with a deadline of its own; one that goes on for longer than all of them is stuck. */
const ATTEMPT_MS = 5 * LIMITS.keygenStepTimeoutMs

/** Looks at keygen from outside, from time to time, and says in a sentence what is stuck; undefined while nothing is. */
export class KeygenWatch {
  #seen = ''
  #sinceMs = 0

  look(nowMs: number, rotation: Pick<RotationStatus, 'spec' | 'keygen'> | undefined): string | undefined {
    const name = rotation === undefined ? '' : `${rotation.spec.id} ${rotation.keygen.phase} ${rotation.keygen.attempt}`
    if (name !== this.#seen) {
      this.#seen = name
      this.#sinceMs = nowMs
    }
    if (rotation === undefined) return undefined
    const { phase, attempt, lastFailure, waiting } = rotation.keygen
    // Its own attempts are counted within one approval attempt: what operators must do has its number.
    const next = rotation.spec.attempt + 1
    if (phase === 'failed')
      return `keygen attempt ${attempt} failed after all had confirmed (${lastFailure?.reason ?? 'no reason kept'}): approve the set again as approval attempt ${next}`
    if (phase !== 'running') return undefined
    if (waiting !== undefined && waiting.restarts.length > 0)
      return `keygen attempt ${attempt} comes to no end while ${waiting.restarts.map((r) => `${r.member} restarts (${r.times} times so far)`).join(', ')}`
    if (waiting !== undefined)
      return `keygen attempt ${attempt} goes on when they are back: no ${waiting.step} from ${waiting.missing.join(', ')}`
    if (nowMs - this.#sinceMs > ATTEMPT_MS)
      return `keygen attempt ${attempt} has not ended for ${Math.round((nowMs - this.#sinceMs) / 1000)} s`
    if (lastFailure === undefined) return undefined
    const silent = lastFailure.silent.length === 0 ? '' : `: no word from ${lastFailure.silent.join(', ')}`
    return `keygen attempt ${lastFailure.attempt} failed (${lastFailure.reason})${silent}`
  }
}
