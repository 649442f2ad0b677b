import {
  BoundedMap,
  type Cancel,
  type Clock,
  describeError,
  LIMITS,
  type Logger,
  type PendingId,
  type PublicKey,
  type SetHash,
  type Startable,
  TokenBucket,
} from '../../base/index.ts'
import type { Envelope, Messenger, Topic, Verdict } from '../../p2p/index.ts'
import { decodeEvidence, type EvidenceBook, evidenceId, topicOf } from '../evidence/index.ts'

const STEP = 'evidence'
/** The accused may have been down: the latest records are said again at this interval. */
const REPEAT_MS = 10 * 60_000
/** How soon a change of the set is followed. */
const FOLLOW_MS = 2_000
/** Judging takes a signature check for each envelope in a record: of one member as many at once as it says again, then one in this time. */
const JUDGE_INTERVAL_MS = 2_000

interface Joined {
  readonly topic: Topic
  readonly leave: () => void
}

export interface EvidenceExchangeInit {
  readonly network: string
  readonly messenger: Pick<Messenger, 'join' | 'publish'>
  readonly book: EvidenceBook
  /** The snapshot's set while this node is in it. */
  readonly currentSet: () => SetHash | undefined
  /** The pending set that is admitted now: its new members have no right to the topic of the current one. */
  readonly pendingSet: () => PendingId | undefined
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Members tell each other what they can prove, so that all know the same and the accused's operator hears of it (incident 38).
 * A record proves itself: who tells it does not matter, and what does not hold is believed of nobody. What was done in a keygen is
 * told to all who take part in it, too; the rest is none of their business.
 */
export class EvidenceExchange implements Startable {
  readonly #c: EvidenceExchangeInit
  readonly #toJudge = new BoundedMap<PublicKey, TokenBucket>(4 * LIMITS.maxSigners)
  readonly #joined = new Map<Topic['scope'], Joined>()
  #isOn = false
  #cancels: readonly Cancel[] = []
  #unlisten: () => void = () => {}

  constructor(init: EvidenceExchangeInit) {
    this.#c = init
  }

  async start(): Promise<void> {
    this.#isOn = true
    this.#unlisten = this.#c.book.recorded.on(({ bytes, source }) => {
      // What was told, gossip brings to all by itself; whoever was away hears it again later.
      if (source === 'found') this.#say(bytes)
    })
    this.#tick(FOLLOW_MS, 0, () => this.follow())
    this.#tick(REPEAT_MS, 1, () => {
      for (const bytes of this.#c.book.latest()) this.#say(bytes)
    })
    this.follow()
  }

  async stop(): Promise<void> {
    this.#isOn = false
    for (const cancel of this.#cancels) cancel()
    this.#unlisten()
    this.#leaveAllBut([])
  }

  #tick(everyMs: number, slot: 0 | 1, work: () => void): void {
    const cancel = this.#c.clock.after(everyMs, () => {
      work()
      this.#tick(everyMs, slot, work)
    })
    this.#cancels = slot === 0 ? [cancel, ...this.#cancels.slice(1)] : [...this.#cancels.slice(0, 1), cancel]
  }

  /** Looks which sets there are. Called as well when a pending set was approved: its first fault may come before the next look. */
  follow(): void {
    if (!this.#isOn) return
    const { network, currentSet, pendingSet, messenger } = this.#c
    const set = currentSet()
    const pending = pendingSet()
    const topics: readonly Topic[] = [
      ...(set === undefined ? [] : [{ network, scope: set, purpose: 'sign' } as const]),
      ...(pending === undefined ? [] : [{ network, scope: pending, purpose: 'keygen' } as const]),
    ]
    this.#leaveAllBut(topics)
    for (const topic of topics)
      if (!this.#joined.has(topic.scope))
        this.#joined.set(topic.scope, { topic, leave: messenger.join(topic, (e) => this.#hear(e)) })
  }
  #leaveAllBut(topics: readonly Topic[]): void {
    for (const [scope, { leave }] of this.#joined) {
      if (topics.some((topic) => topic.scope === scope)) continue
      leave()
      this.#joined.delete(scope)
    }
  }

  #hear({ topic, step, round, author, payload }: Envelope): Verdict {
    if (step !== STEP || round !== evidenceId(payload)) return 'ignore'
    const { book, clock, logger } = this.#c
    if (book.has(round)) return 'accept'
    const now = clock.monotonicMs()
    const full = () => new TokenBucket(LIMITS.maxEvidenceRetold, 1_000 / JUDGE_INTERVAL_MS, now)
    if (!this.#toJudge.getOrMake(author, full).take(now) || !isOf(topic, payload)) return 'ignore'
    book.heard(payload).catch((error: unknown) => logger.error('Evidence not taken', { error: describeError(error) }))
    return book.has(round) ? 'accept' : 'ignore'
  }

  #say(payload: Uint8Array): void {
    for (const { topic } of this.#joined.values()) {
      if (!isOf(topic, payload)) continue
      this.#c.messenger
        .publish(topic, { round: evidenceId(payload), attempt: 0, step: STEP, payload })
        .catch((error: unknown) => this.#c.logger.debug('Evidence not told', { error: describeError(error) }))
    }
  }
}

/** On the topic of a keygen, only what was done in that keygen. */
function isOf(topic: Topic, payload: Uint8Array): boolean {
  if (topic.purpose !== 'keygen') return true
  const record = decodeEvidence(payload)
  return record !== undefined && topicOf(record).scope === topic.scope
}
