import type { Clock, PublicKey } from '../../base/index.ts'
import { isBoundTo, type RequestBindings } from '../bindings.ts'
import { findShapeFault } from '../request-shape.ts'
import type { Consent, PolicyKind, ThresholdRequest } from '../types.ts'
import type { Decisions } from './decisions.ts'
import type {
  Approval,
  Asking,
  DecisionsView,
  Judge,
  Said,
  SaidApproval,
  SigningPolicy,
  Standing,
  ValidatorTrouble,
} from './types.ts'

export interface PolicyGateInit {
  readonly kind: PolicyKind
  readonly judge: Judge
  readonly bindings: RequestBindings
  readonly decisions: Decisions
  readonly clock: Clock
}

/** What every policy has in common: shape, expiry, one binding per request id, and telling this operator why. */
export class PolicyGate implements SigningPolicy {
  readonly #c: PolicyGateInit

  constructor(init: PolicyGateInit) {
    this.#c = init
  }

  get kind(): PolicyKind {
    return this.#c.kind
  }

  async approve(request: ThresholdRequest, asking: Asking): Promise<Approval> {
    const by = { kind: 'bridge', name: asking.client } as const
    const said = await this.#approval(request, asking)
    if (said.answer !== 'yes') {
      this.#c.decisions.record(request, by, said)
      return { answer: said.answer }
    }
    // The one place where own bridges' requests are bound: one of two that were approved at once is the first (R30).
    const { expiresAtMs: _asked, ...tuple } = request
    const bound = said.untilMs === undefined ? tuple : { ...tuple, expiresAtMs: said.untilMs }
    const binding = await this.#c.bindings.bind(bound)
    await this.#c.judge.settled?.(request)
    const answer = binding === 'equivocation' ? ({ answer: binding, reason: 'other_items' } as const) : said
    this.#c.decisions.record(request, by, answer)
    return binding === 'equivocation' ? { answer: 'equivocation' } : { answer: 'yes', binding }
  }

  async consent(request: ThresholdRequest, coordinator: PublicKey): Promise<Consent> {
    const said = await this.#consent(request, coordinator)
    this.#c.decisions.record(request, { kind: 'member', name: coordinator }, said)
    return said.answer
  }

  decisions(): DecisionsView {
    return this.#c.decisions.view()
  }

  validatorTrouble(): ValidatorTrouble | undefined {
    return this.#c.judge.trouble?.()
  }

  stop(): void {
    this.#c.judge.stop?.()
  }

  async #approval(request: ThresholdRequest, asking: Asking): Promise<SaidApproval> {
    const standing = await standingOf(this.#c, request)
    if (standing.kind === 'other') return { answer: 'equivocation', reason: 'other_items' }
    if (!this.#isExpired(request)) return await this.#c.judge.approve(request, asking, standing)
    // The answer to a repeat stays what it was (R28); nothing new is begun.
    if (standing.kind === 'same' && standing.isSigned)
      return { answer: 'yes', reason: 'asked', untilMs: standing.untilMs }
    return { answer: 'not_asked_yet', reason: 'expired' }
  }

  async #consent(request: ThresholdRequest, coordinator: PublicKey): Promise<Said<Consent>> {
    if (findShapeFault(request.requestId, request.items) !== undefined || !isTime(request.expiresAtMs))
      return { answer: 'refused', reason: 'malformed' }
    if (this.#isExpired(request)) return { answer: 'refused', reason: 'expired' }
    const standing = await standingOf(this.#c, request)
    if (standing.kind === 'other') return { answer: 'refused', reason: 'other_items' }
    if (standing.kind === 'same' && standing.isLive) return { answer: 'yes', reason: 'asked' }
    return await this.#c.judge.consent(request, coordinator, standing)
  }

  #isExpired({ expiresAtMs }: ThresholdRequest): boolean {
    return expiresAtMs !== undefined && expiresAtMs <= this.#c.clock.now()
  }
}

const isTime = (ms: number | undefined): boolean => ms === undefined || (Number.isSafeInteger(ms) && ms > 0)

/** Reads only: peers may cause it. */
export async function standingOf(
  { bindings, clock }: { readonly bindings: RequestBindings; readonly clock: Clock },
  { groupKey, requestId, items }: ThresholdRequest,
): Promise<Standing> {
  const binding = await bindings.lookup(groupKey, requestId)
  if (binding === undefined) return { kind: 'unbound' }
  if (!isBoundTo(binding, items)) return { kind: 'other' }
  const { untilMs, signatures } = binding
  const isLive = untilMs === undefined || clock.now() < untilMs
  return { kind: 'same', isLive, isSigned: signatures !== undefined, untilMs, binding }
}
