import type { Outcome } from '../../base/index.ts'
import { type MusigCode, OneShotNonce, type SignRequest } from '../../crypto/index.ts'
import { requireWanted } from './slices.ts'

/** Work at a stretch on the event loop: others wait about so long. */
const TURN_MS = 8
/** Signatures that are verified together; more make none of them cheaper. */
const MAX_AT_ONCE = 64

export type Signed = Outcome<Uint8Array, MusigCode>

/** What one call still wants, in order. */
interface Line {
  /** Each makes a secret nonce, just before that signs. */
  readonly requests: readonly (() => SignRequest)[]
  readonly signal: AbortSignal | undefined
  readonly signed: Signed[]
  readonly done: PromiseWithResolvers<readonly Signed[]>
}
interface Job {
  readonly line: Line
  readonly request: SignRequest
}

/**
 * Signs for all calls that wait, some at a time and in turn: what comes singly but together is verified together as well, which costs
 * half, and a large call holds up no small one.
 */
export class SigningTurns {
  readonly #lines = new Set<Line>()
  #atOnce = MAX_AT_ONCE / 4
  #isWaiting = false

  /**
   * Outcomes in order. All requests of one call are of one context. Throws what the requests throw, and for a signal as
   * `requireWanted` does.
   */
  async sign(requests: readonly (() => SignRequest)[], signal: AbortSignal | undefined): Promise<readonly Signed[]> {
    if (requests.length === 0) return []
    const done = Promise.withResolvers<readonly Signed[]>()
    this.#lines.add({ requests, signal, signed: [], done })
    this.#wait()
    return done.promise
  }

  #wait(): void {
    if (this.#isWaiting || this.#lines.size === 0) return
    this.#isWaiting = true
    setImmediate(() => {
      this.#isWaiting = false
      const startedMs = performance.now()
      for (const jobs of byContext(this.#take())) this.#signTogether(jobs)
      this.#adapt(performance.now() - startedMs)
      this.#wait()
    })
  }

  /** Of each line its share, of whose turn it is first. */
  #take(): readonly Job[] {
    const jobs: Job[] = []
    const share = Math.max(1, Math.floor(this.#atOnce / this.#lines.size))
    for (const line of [...this.#lines]) {
      if (jobs.length >= this.#atOnce) break
      this.#lines.delete(line)
      const requests = nextOf(line, Math.min(share, this.#atOnce - jobs.length))
      if (requests === undefined) continue
      for (const request of requests) jobs.push({ line, request })
      // Last in turn.
      if (line.signed.length + requests.length < line.requests.length) this.#lines.add(line)
    }
    return jobs
  }

  #signTogether(jobs: readonly Job[]): void {
    try {
      const signed = OneShotNonce.signAll(jobs.map((job) => job.request))
      for (const [i, { line }] of jobs.entries()) {
        const one = signed[i]
        if (one === undefined) throw new TypeError('a request without an outcome')
        line.signed.push(one)
        if (line.signed.length === line.requests.length) line.done.resolve(line.signed)
      }
    } catch (error) {
      for (const { line } of jobs) {
        this.#lines.delete(line)
        line.done.reject(error)
      }
    } finally {
      for (const { request } of jobs) request.nonce.destroy()
    }
  }

  /** A curve in JavaScript takes milliseconds for each. */
  #adapt(tookMs: number): void {
    if (tookMs > TURN_MS) this.#atOnce = Math.max(1, this.#atOnce >> 1)
    else if (tookMs < TURN_MS / 4) this.#atOnce = Math.min(MAX_AT_ONCE, this.#atOnce * 2)
  }
}

/** Undefined if the line came to its end by that. */
function nextOf(line: Line, max: number): readonly SignRequest[] | undefined {
  const requests: SignRequest[] = []
  try {
    requireWanted(line.signal)
    const from = line.signed.length
    for (const make of line.requests.slice(from, from + max)) requests.push(make())
    return requests
  } catch (error) {
    for (const { nonce } of requests) nonce.destroy()
    line.done.reject(error)
    return undefined
  }
}

/** Only signatures of one context can be verified together. */
function byContext(jobs: readonly Job[]): Iterable<readonly Job[]> {
  return Map.groupBy(jobs, (job) => job.request.session.context).values()
}
