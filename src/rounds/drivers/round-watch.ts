import type { Clock, PublicKey } from '../../base/index.ts'
import type { SignResult } from '../../signer/index.ts'

/** A failed round says something of now for so long; later, only another round can tell. */
const SHOWN_MS = 5 * 60_000

/** Which sign rounds of this node's own hang (incident 41). */
export interface SignHealth {
  /** Rounds that are open though their deadline (unix ms) has passed: a fault of this node. */
  readonly overdue: readonly { readonly round: string; readonly deadlineMs: number }[]
  /** The last round, if it ran out of time while members said nothing at all. */
  readonly silent: { readonly round: string; readonly missing: readonly PublicKey[]; readonly atMs: number } | undefined
}

/** Remembers open rounds and how the last one ended. */
export class RoundWatch {
  readonly #clock: Clock
  readonly #open = new Set<{ readonly round: string; readonly deadlineMs: number }>()
  #silent: SignHealth['silent']

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Watches one call for a round until it settles. */
  async watch(round: string, deadlineMs: number, answer: Promise<SignResult>): Promise<SignResult> {
    const one = { round, deadlineMs }
    this.#open.add(one)
    try {
      const result = await answer
      this.#ended(round, result)
      return result
    } finally {
      this.#open.delete(one)
    }
  }

  /** The set was replaced: its members' silence is nobody's concern any more. */
  forget(): void {
    this.#silent = undefined
  }

  health(): SignHealth {
    const now = this.#clock.now()
    const isNews = this.#silent !== undefined && now - this.#silent.atMs < SHOWN_MS
    return {
      overdue: [...this.#open].filter(({ deadlineMs }) => deadlineMs < now),
      silent: isNews ? this.#silent : undefined,
    }
  }

  #ended(round: string, result: SignResult): void {
    if (result.ok) this.#silent = undefined
    // Members that answered "not asked yet" are not missing, and a round that waits for other operators is no fault.
    else if (result.code === 'TIMEOUT' && result.missing.length > 0)
      this.#silent = { round, missing: result.missing, atMs: this.#clock.now() }
  }
}
