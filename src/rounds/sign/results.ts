import { LIMITS } from '../../base/index.ts'
import { Allowance } from './allowance.ts'
import { isApproved, type KnownRound } from './known.ts'
import { isResultOf } from './messages.ts'
import type { SignEnvelope } from './received.ts'
import type { Refusal, SignEffect } from './types.ts'

/** Signatures checked of one member, at once and a second, in rounds that this operator has not approved: nobody here waits for them. */
const UNASKED_BURST = 2 * LIMITS.maxSignItems
const UNASKED_PER_SECOND = LIMITS.maxSignItems
/** An honest member has checked what it passes on, so after a wrong one nothing of its author's is checked for so long. */
const WRONG_REST_MS = 60_000

export type ResultSeen =
  | { readonly ok: true; readonly effects: readonly SignEffect[] }
  | { readonly ok: false; readonly reason: Refusal; readonly effects: readonly SignEffect[] }

/**
 * Looks at results, as far as their authors may cause that: signatures prove themselves (R28), but each check takes its time,
 * and signatures of former rounds are there for everybody to put into new ones.
 */
export class Results {
  readonly #unasked = new Allowance({
    ...{ name: 'unasked', burst: UNASKED_BURST, refill: UNASKED_PER_SECOND, everyMs: 1_000 },
  })
  readonly #wrong = new Allowance({ name: 'wrong-result', burst: 1, refill: 1, everyMs: WRONG_REST_MS })

  /** Is every signature of it valid? Nothing that is left unsaid here is lost: whoever wants it later asks for it. */
  look(r: KnownRound, { author }: SignEnvelope, signatures: readonly Uint8Array[]): ResultSeen {
    if (!this.#wrong.holds(author)) return { ok: false, reason: 'over_allowance', effects: [] }
    const isAsked = isApproved(r)
    if (!isAsked && !this.#unasked.holds(author)) return { ok: false, reason: 'over_allowance', effects: [] }
    const charged = isAsked ? [] : this.#unasked.take(author, r.request.items.length)
    if (isResultOf(r.key, r.request, signatures)) return { ok: true, effects: charged }
    return { ok: false, reason: 'bad_signature', effects: [...charged, ...this.#wrong.take(author, 1)] }
  }

  timer(id: string): readonly SignEffect[] | undefined {
    return this.#unasked.timer(id) ?? this.#wrong.timer(id)
  }
  clear(): readonly SignEffect[] {
    return [...this.#unasked.clear(), ...this.#wrong.clear()]
  }
}
