import {
  BoundedMap,
  type Clock,
  type Counter,
  type Logger,
  type Metrics,
  requestText,
  TokenBucket,
} from '../../base/index.ts'
import type { ThresholdRequest } from '../types.ts'
import type { ApprovalAnswer, Decision, DecisionsView, Said } from './types.ts'

/** Of each answer, to own bridges and to members each; an operator who looks later finds the log. */
const MAX_KEPT = 64
/** Log lines about members' requests: a member that asks for nonsense must not fill the disk. */
const LOG_BURST = 20
const LOG_PER_SECOND = 0.2

export type Asker = { readonly kind: 'bridge' | 'member'; readonly name: string }

/** Tells this operator what was decided and why (status, log, metrics). Others only ever hear "refused". */
export class Decisions {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #answers: Counter<'asked_by' | 'answer' | 'reason'>
  readonly #lines: TokenBucket
  readonly #kept = { approved: keptByAsker(), waiting: keptByAsker(), refused: keptByAsker() }

  constructor({ clock, logger, metrics }: { clock: Clock; logger: Logger; metrics: Metrics }) {
    this.#clock = clock
    this.#logger = logger.child('policy')
    this.#lines = new TokenBucket(LOG_BURST, LOG_PER_SECOND, clock.now())
    this.#answers = metrics.counter('policy_answers_total', "Answers of this operator's signing policy, with reasons", [
      'asked_by',
      'answer',
      'reason',
    ])
  }

  record({ requestId, groupKey }: ThresholdRequest, by: Asker, said: Said<ApprovalAnswer>): void {
    const { answer, reason, detail = null } = said
    this.#answers.inc({ asked_by: by.kind, answer, reason })
    // What has no shape is not worth keeping: its id may be anything.
    if (reason === 'malformed') return
    const kept = this.#kept[KEPT_AS[answer]][by.kind]
    // Own bridges are few, and which of them asked for what is what their operator looks for; members may be any.
    const asker = by.kind === 'bridge' ? by.name : ''
    const key = `${groupKey}/${requestId}/${reason}/${asker}`
    const nowMs = this.#clock.now()
    const known = kept.get(key)
    const [firstAtMs, times] = [known?.firstAtMs ?? nowMs, (known?.times ?? 0) + 1]
    kept.set(key, { requestId, groupKey, askedBy: by.name, reason, detail, firstAtMs, lastAtMs: nowMs, times })
    if (known !== undefined) return
    // As the bridge spelt it; a member's id is the member's text, which is shown as hex only.
    const request = by.kind === 'bridge' ? { request: requestText(requestId) } : {}
    this.#log({ requestId, ...request, groupKey, askedBy: by.name, reason, detail }, by, answer)
  }

  view(): DecisionsView {
    const { approved, waiting, refused } = this.#kept
    return { approved: inOrder(approved), waiting: inOrder(waiting), refused: inOrder(refused) }
  }

  #log(fields: Readonly<Record<string, unknown>>, by: Asker, answer: ApprovalAnswer): void {
    if (answer === 'yes' || answer === 'not_asked_yet') {
      this.#logger.debug('A signing request was answered', { ...fields, answer })
      return
    }
    if (by.kind === 'bridge' || this.#lines.take(this.#clock.now()))
      this.#logger.warn('This node refuses a signing request', { ...fields, answer })
  }
}

/** What members ask for must not push out what this operator's own bridges were told. */
type Kept = { readonly [K in Asker['kind']]: BoundedMap<string, Decision> }
const keptByAsker = (): Kept => ({ bridge: new BoundedMap(MAX_KEPT), member: new BoundedMap(MAX_KEPT) })
const inOrder = ({ bridge, member }: Kept): Decision[] =>
  [...bridge.values(), ...member.values()].toSorted((a, b) => a.lastAtMs - b.lastAtMs)

const KEPT_AS = {
  yes: 'approved',
  not_asked_yet: 'waiting',
  refused: 'refused',
  equivocation: 'refused',
} as const
