import { type Clock, type Logger, TokenBucket } from '../../base/index.ts'
import type { PolicyReason, ValidatorTrouble } from './types.ts'
import type { Verdict } from './validator.ts'

/** What a validator says that is not working; what it puts off or refuses is an answer. */
const FAULTS: readonly PolicyReason[] = [
  'validator_unreachable',
  'validator_timeout',
  'validator_status',
  'validator_malformed',
]
/** One that fails every other time must not fill the disk. */
const LOG_BURST = 10
const LOG_PER_SECOND = 1 / 60

/** Looks at what came of every question: a validator that is down shows at once and once, not in every request. */
export class ValidatorWatch {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #lines: TokenBucket
  #trouble: ValidatorTrouble | undefined
  /** Its recovery is told where its failure was. */
  #told = false

  constructor({ clock, logger }: { readonly clock: Clock; readonly logger: Logger }) {
    this.#clock = clock
    this.#logger = logger.child('policy')
    this.#lines = new TokenBucket(LOG_BURST, LOG_PER_SECOND, clock.now())
  }

  /** undefined while it works, and before the first question. */
  get trouble(): ValidatorTrouble | undefined {
    return this.#trouble
  }

  heard(verdict: Verdict): void {
    const { reason, detail = null } = verdict
    const nowMs = this.#clock.now()
    const known = this.#trouble
    if (!FAULTS.includes(reason)) {
      this.#trouble = undefined
      if (known !== undefined && this.#told)
        this.#logger.info('The validator answers again', { failedForMs: nowMs - known.sinceMs, times: known.times })
      return
    }
    const [sinceMs, times] = [known?.sinceMs ?? nowMs, (known?.times ?? 0) + 1]
    this.#trouble = { reason, detail, sinceMs, lastAtMs: nowMs, times }
    if (known !== undefined) return
    this.#told = this.#lines.take(nowMs)
    if (this.#told)
      this.#logger.warn('The validator fails: until it answers, this node takes part in nothing new', {
        reason,
        detail,
      })
  }
}
