import { type Clock, type Counter, type Logger, type Metrics, type PeerIdStr, TokenBucket } from '../base/index.ts'
import type { GateDenial } from './decide.ts'

export interface Denial {
  readonly peerId: PeerIdStr | undefined
  readonly reason: string
  readonly place: string
  readonly atMs: number
}

/** How many denials of a kind are remembered, for the log's once-a-minute rule and for `status`: constant, whatever strangers do. */
const REMEMBERED = 64
const LOG_EVERY_MS = 60_000
/** Lines about all peers together: keys cost nothing, and a log is a disk that somebody could fill. */
const LOG_LINES_AT_ONCE = 60
const LOG_LINES_PER_SECOND = 1

/** What honest peers are refused in every rotation (see `topic_of_another_set`): counted like all, and no warning. */
const HONEST: ReadonlySet<string> = new Set<GateDenial>(['topic_of_another_set'])

/** Which refusals get a line: each peer one a minute, all of them at a bounded rate, by a memory of constant size. */
class LogLines {
  readonly #loggedAt = new Map<string, number>()
  readonly #lines: TokenBucket
  /** Peers that would have had a line since the last one. */
  #unlogged = 0

  constructor(nowMs: number) {
    this.#lines = new TokenBucket(LOG_LINES_AT_ONCE, LOG_LINES_PER_SECOND, nowMs)
  }

  /** Undefined: no line. Else the line's `unlogged`: how many had none since the last. */
  take(peer: string, atMs: number): number | undefined {
    if (atMs - (this.#loggedAt.get(peer) ?? Number.NEGATIVE_INFINITY) < LOG_EVERY_MS) return undefined
    this.#loggedAt.delete(peer)
    this.#loggedAt.set(peer, atMs)
    for (const oldest of this.#loggedAt.keys()) {
      if (this.#loggedAt.size <= REMEMBERED) break
      this.#loggedAt.delete(oldest)
    }
    if (!this.#lines.take(atMs)) {
      this.#unlogged++
      return undefined
    }
    const unlogged = this.#unlogged
    this.#unlogged = 0
    return unlogged
  }
}

interface Kind {
  readonly lines: LogLines
  readonly recent: Denial[]
}

/**
 * Counts every refusal by reason and place, logs each peer once a minute and all of them at a bounded rate, remembers the
 * latest few.
 */
export class Denials {
  readonly #totals = new Map<string, number>()
  readonly #counter: Counter<'reason' | 'place'>
  readonly #clock: Clock
  readonly #logger: Logger
  /** Apart, so that neither keeps the other kind out of the log and out of `recent`. */
  readonly #strange: Kind
  readonly #honest: Kind
  constructor(c: { readonly clock: Clock; readonly logger: Logger; readonly metrics: Metrics }) {
    this.#clock = c.clock
    this.#strange = { lines: new LogLines(c.clock.monotonicMs()), recent: [] }
    this.#honest = { lines: new LogLines(c.clock.monotonicMs()), recent: [] }
    this.#logger = c.logger.child('gate')
    this.#counter = c.metrics.counter('gate_denials_total', 'Peers, streams and messages refused by the gate', [
      'reason',
      'place',
    ])
  }

  note(peerId: PeerIdStr | undefined, reason: string, place: string, remoteAddress?: string): void {
    const atMs = this.#clock.now()
    this.#counter.inc({ reason, place })
    this.#totals.set(reason, (this.#totals.get(reason) ?? 0) + 1)
    const isHonest = HONEST.has(reason)
    const { lines, recent } = isHonest ? this.#honest : this.#strange
    recent.push({ peerId, reason, place, atMs })
    if (recent.length > REMEMBERED) recent.shift()
    const key = peerId ?? 'unknown'
    const unlogged = lines.take(key, this.#clock.monotonicMs())
    if (unlogged === undefined) return
    const fields = {
      peerId: key,
      reason,
      place,
      ...(remoteAddress === undefined ? {} : { remoteAddress }),
      ...(unlogged === 0 ? {} : { unlogged }),
    }
    if (isHonest) this.#logger.debug('Denied', fields)
    else this.#logger.warn('Denied', fields)
  }

  /** The latest of each kind, in the order of time. */
  recent(): readonly Denial[] {
    return [...this.#strange.recent, ...this.#honest.recent].toSorted((a, b) => a.atMs - b.atMs)
  }
  totals(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#totals)
  }
}
