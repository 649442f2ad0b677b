import { type Clock, toHex } from '../../base/index.ts'
import type { RequestBindings } from '../bindings.ts'
import { hashOfItems } from '../request-shape.ts'
import type { Consent, ThresholdRequest } from '../types.ts'
import { standingOf } from './gate.ts'
import type { Asking, Judge, Said, SaidApproval, Standing } from './types.ts'
import type { Votes } from './votes.ts'

export interface BridgeJudgeInit {
  readonly bindings: RequestBindings
  readonly clock: Clock
  readonly requestTtlMs: number
}

/** Yes to exactly what this operator's own bridge asked for: a binding is the trace of that. Any granted bridge will do. */
export const bridgeJudge = ({ clock, requestTtlMs }: BridgeJudgeInit): Judge => ({
  approve: async (request) => ({ answer: 'yes', reason: 'asked', untilMs: endOf(request, clock, requestTtlMs) }),
  consent: async (_request, _coordinator, standing) => unasked(standing),
})

/** Yes to what enough of the bridges whose asking counts asked for, each for exactly the same (R27). */
export class VotedJudge implements Judge {
  readonly #c: BridgeJudgeInit
  readonly #votes: Votes

  constructor(init: BridgeJudgeInit, votes: Votes) {
    this.#c = init
    this.#votes = votes
  }

  async approve(request: ThresholdRequest, asking: Asking): Promise<SaidApproval> {
    const { clock, requestTtlMs } = this.#c
    const untilMs = endOf(request, clock, requestTtlMs)
    for (;;) {
      // Listening begins before the look, so that a vote in between wakes it.
      const change = this.#votes.listen(request)
      try {
        const said = await this.#look(request, asking, untilMs)
        if (said.answer !== 'not_asked_yet') return said
        if (!(await change.happens(asking.deadlineMs - clock.now(), asking.signal))) return said
      } finally {
        change.cancel()
      }
    }
  }

  async consent(_request: ThresholdRequest, _by: unknown, standing: Standing): Promise<Said<Consent>> {
    return unasked(standing)
  }

  settled(request: ThresholdRequest): Promise<void> {
    return this.#votes.forget(request)
  }

  async #look(request: ThresholdRequest, { client }: Asking, untilMs: number): Promise<SaidApproval> {
    const standing = await standingOf(this.#c, request)
    if (standing.kind === 'other') return { answer: 'equivocation', reason: 'other_items' }
    // Whoever may ask at all may have what was approved; that prolongs nothing.
    if (standing.kind === 'same' && (standing.isLive || standing.isSigned))
      return { answer: 'yes', reason: 'votes', untilMs: standing.untilMs }
    const tally = await this.#votes.cast(request, client, untilMs)
    const list = listName(request)
    if (tally === 'changed') return { answer: 'equivocation', reason: 'vote_changed', detail: list }
    if (tally.untilMs !== undefined) return { answer: 'yes', reason: 'votes', untilMs: tally.untilMs }
    const reason = this.#votes.counts(client) ? 'votes_missing' : 'vote_uncounted'
    return { answer: 'not_asked_yet', reason, detail: `asked for by ${tally.votes} of ${tally.quorum}, ${list}` }
  }
}

/** What a bridge asks for, short: bridges that ask for different things under one id show it by different words. */
function listName({ items }: ThresholdRequest): string {
  const [first] = items
  const digest = first === undefined ? '' : `digest ${toHex(first.digest.subarray(0, 4))}…`
  const more = items.length > 1 ? ` and ${items.length - 1} more` : ''
  return `${digest}${more}, as list ${toHex(hashOfItems(items).subarray(0, 4))}`
}

const endOf = ({ expiresAtMs }: ThresholdRequest, clock: Clock, ttlMs: number): number =>
  expiresAtMs ?? clock.now() + ttlMs

const unasked = (standing: Standing): Said<Consent> => ({
  answer: 'not_asked_yet',
  reason: standing.kind === 'unbound' ? 'not_asked' : 'consent_over',
})
