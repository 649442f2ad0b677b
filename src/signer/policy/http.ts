import { type Clock, type Logger, type PublicKey, sleep } from '../../base/index.ts'
import type { RequestBindings } from '../bindings.ts'
import type { Consent, ThresholdRequest } from '../types.ts'
import { waitFor } from '../wait-for.ts'
import { pauseMs, Questions } from './questions.ts'
import type { Asking, Judge, PolicyReason, Said, SaidApproval, Standing, ValidatorTrouble } from './types.ts'
import { askValidator, type ValidatorInit, type Verdict } from './validator.ts'
import { ValidatorWatch } from './validator-watch.ts'

export interface HttpJudgeInit {
  readonly validator: ValidatorInit
  readonly bindings: RequestBindings
  readonly requestTtlMs: number
  readonly clock: Clock
  readonly logger: Logger
  /** For jitter; 0 ≤ x < 1. */
  readonly random?: () => number
}

/** Yes to what this operator's validator approves, whoever asks. It is asked until it says yes or no, or time is over. */
export class HttpJudge implements Judge {
  readonly #c: HttpJudgeInit
  readonly #random: () => number
  readonly #questions: Questions
  readonly #watch: ValidatorWatch
  readonly #stop = new AbortController()

  constructor(init: HttpJudgeInit) {
    this.#c = init
    this.#random = init.random ?? Math.random
    const { validator, clock, requestTtlMs: refusalTtlMs } = init
    this.#watch = new ValidatorWatch(init)
    this.#questions = new Questions({
      ask: async (request, by) => {
        const verdict = await askValidator(validator, request, by, this.#stop.signal, clock)
        // What this node gave up itself says nothing of the validator.
        if (!this.#stop.signal.aborted) this.#watch.heard(verdict)
        return verdict
      },
      refusalTtlMs,
      clock,
      random: this.#random,
    })
  }

  async approve(request: ThresholdRequest, asking: Asking, standing: Standing): Promise<SaidApproval> {
    if (standing.kind === 'same' && (standing.isLive || standing.isSigned))
      return { answer: 'yes', reason: 'validator', untilMs: standing.untilMs }
    const { clock } = this.#c
    for (let putOff = 1; ; putOff++) {
      const verdict = await this.#askUntil(request, asking)
      if (verdict.decision === 'approve') return { ...saidBy('yes', verdict), untilMs: this.#endOf(request) }
      if (verdict.decision === 'refuse') return saidBy('refused', verdict)
      const pause = pauseMs(putOff, this.#random)
      if (asking.signal.aborted || clock.now() + pause >= asking.deadlineMs) return saidBy('not_asked_yet', verdict)
      await sleep(pause, asking.signal, clock).catch(() => {})
    }
  }

  async consent(request: ThresholdRequest, coordinator: PublicKey): Promise<Said<Consent>> {
    const verdict = await this.#questions.askFor(coordinator, request)
    if (verdict.decision === 'refuse') return saidBy('refused', verdict)
    if (verdict.decision === 'later') return saidBy('not_asked_yet', verdict)
    const { requestId, groupKey, items } = request
    // This operator's own word binds, here as well: the validator's, for exactly this (R27).
    const bound = await this.#c.bindings.bind({ requestId, groupKey, items, expiresAtMs: this.#endOf(request) })
    return bound === 'equivocation' ? { answer: 'refused', reason: 'other_items' } : saidBy('yes', verdict)
  }

  trouble(): ValidatorTrouble | undefined {
    return this.#watch.trouble
  }

  stop(): void {
    this.#stop.abort()
  }

  #askUntil(request: ThresholdRequest, { client, deadlineMs, signal }: Asking): Promise<Verdict> {
    const { clock } = this.#c
    const withinMs = Math.max(0, deadlineMs - clock.now())
    const asked = this.#questions.askOwn(request, client, withinMs, signal)
    return waitFor(asked, clock, withinMs, signal, () => TOO_LATE)
  }

  #endOf({ expiresAtMs }: ThresholdRequest): number {
    return expiresAtMs ?? this.#c.clock.now() + this.#c.requestTtlMs
  }
}

const TOO_LATE: Verdict = {
  decision: 'later',
  reason: 'validator_timeout',
  detail: 'no answer yet when the time of the bridge was over',
}

const saidBy = <A extends string>(
  answer: A,
  { reason, detail }: Verdict,
): { readonly answer: A; readonly reason: PolicyReason; readonly detail: string | undefined } => ({
  answer,
  reason,
  detail,
})
