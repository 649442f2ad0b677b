import {
  BoundedMap,
  type Clock,
  type Counter,
  LIMITS,
  type Metrics,
  type PeerIdStr,
  sleep,
  TokenBucket,
} from '../../base/index.ts'
import type { AddressBook } from '../address-book.ts'
import type { RoleCheck } from '../types.ts'
import type { RecordCodec } from './record.ts'

/** Why a record went no further; the closed list of labels of `p2p_address_records_dropped_total`. */
export const RECORD_DROPS = ['malformed', 'oversized', 'foreign', 'stale', 'rate', 'forged', 'repeated', 'own'] as const
export type RecordDrop = (typeof RECORD_DROPS)[number]

/**
 * Records whose signature one peer may make this node check: a whole book at once, and then as many as change in a large
 * set. A check, with the decoding that precedes it, costs milliseconds.
 */
const CHECKS_BURST = 2 * LIMITS.maxRecordsPerFrame
const CHECKS_PER_SECOND = 4
/** Then everything else has its turn. */
const CHECKS_IN_A_ROW = 4
/** New records of one peer, whoever brings them: an address changes at a restart, not every second. */
const NEWS_BURST = 8
const NEWS_PER_SECOND = 0.2
const MAX_KEPT = 4 * LIMITS.maxSigners

export interface RecordJudgeInit {
  readonly self: PeerIdStr
  readonly codec: RecordCodec
  readonly book: AddressBook
  readonly roles: Pick<RoleCheck, 'mayConnect'>
  readonly clock: Clock
  readonly metrics: Metrics
}

/** What one frame brought. */
export interface Judged {
  /** Peers of which the book now holds a newer record. */
  readonly learned: readonly PeerIdStr[]
  /** The greatest sequence of any record of this node's own that was newer than `ownSeq`. */
  readonly ownSeq: number | undefined
  /** What the sender has shown to know, by peer. */
  readonly seen: ReadonlyMap<PeerIdStr, number>
}

/**
 * What every received record passes, the cheap questions first: size → whose (only peers that this node may dial now) →
 * newer than what is known → rates → shape → signature. Never throws; every drop is counted, what is merely known is not.
 * A frame is read on after a foreign record: two honest gates differ for a while after each change of the registry.
 */
export class RecordJudge {
  readonly #c: RecordJudgeInit
  readonly #checks = new BoundedMap<PeerIdStr, TokenBucket>(MAX_KEPT)
  readonly #news = new BoundedMap<PeerIdStr, TokenBucket>(MAX_KEPT)
  readonly #dropped: Counter<'reason'>
  readonly #learned: Counter<never>
  /** Counts over all frames: several may be judged at once. */
  #inARow = 0

  constructor(init: RecordJudgeInit) {
    this.#c = init
    this.#dropped = init.metrics.counter(
      'p2p_address_records_dropped_total',
      'Signed peer records that were not taken, by reason',
      ['reason'],
    )
    this.#learned = init.metrics.counter('p2p_address_records_learned_total', 'Signed peer records that were taken')
  }

  drop(reason: RecordDrop): void {
    this.#dropped.inc({ reason })
  }

  async judge(from: PeerIdStr, records: readonly Uint8Array[], ownSeq: number): Promise<Judged> {
    const learned: PeerIdStr[] = []
    const seen = new Map<PeerIdStr, number>()
    const named = new Set<PeerIdStr>()
    let newerOwn: number | undefined
    for (const wire of records) {
      const verdict = await this.#one(from, wire, ownSeq, seen, named)
      if (verdict.outcome === 'learned') learned.push(verdict.peer)
      else if (verdict.outcome === 'own') newerOwn = Math.max(newerOwn ?? 0, verdict.seq)
      else if (verdict.outcome !== 'known') this.drop(verdict.outcome)
      // An honest peer gives on only what it has checked itself, so the rest is not worth checking either.
      if (verdict.outcome === 'forged' || verdict.outcome === 'repeated') break
    }
    return { learned, ownSeq: newerOwn, seen }
  }

  async #one(
    from: PeerIdStr,
    wire: Uint8Array,
    ownSeq: number,
    seen: Map<PeerIdStr, number>,
    named: Set<PeerIdStr>,
  ): Promise<
    | { readonly outcome: 'learned'; readonly peer: PeerIdStr }
    | { readonly outcome: 'own'; readonly seq: number }
    | { readonly outcome: 'known' | Exclude<RecordDrop, 'own'> }
  > {
    const { codec, book, roles, self } = this.#c
    const claimed = codec.peek(wire)
    if (!claimed.ok) return { outcome: claimed.reason }
    const { peer, seq } = claimed.value
    // An honest frame names everybody once.
    if (named.has(peer)) return { outcome: 'repeated' }
    named.add(peer)
    const isOwn = peer === self
    if (!isOwn && !roles.mayConnect(peer, 'outbound').ok) return { outcome: 'foreign' }
    seen.set(peer, Math.max(seq, seen.get(peer) ?? 0))
    const known = isOwn ? ownSeq : (book.recordOf(peer)?.seq ?? -1)
    if (seq === known) return { outcome: 'known' }
    // Its own older ones are told to a node that has shown none yet.
    if (seq < known) return { outcome: isOwn ? 'known' : 'stale' }
    if (!this.#take(this.#checks, from, CHECKS_BURST, CHECKS_PER_SECOND)) return { outcome: 'rate' }
    if (++this.#inARow % CHECKS_IN_A_ROW === 0) await sleep(0, undefined, this.#c.clock)
    const decoded = codec.decode(wire)
    if (!decoded.ok) return { outcome: decoded.reason }
    const { verify, ...record } = decoded.value
    if (record.peer !== peer || record.seq !== seq) return { outcome: 'malformed' }
    if (!(await verify())) return { outcome: 'forged' }
    if (isOwn) return { outcome: 'own', seq }
    if (!this.#take(this.#news, peer, NEWS_BURST, NEWS_PER_SECOND)) return { outcome: 'rate' }
    // Asked again: the gate may have changed while the signature was checked, and the book been told to forget the peer.
    if (!roles.mayConnect(peer, 'outbound').ok) return { outcome: 'foreign' }
    if (!book.learnRecord(record)) return { outcome: 'known' }
    this.#learned.inc({})
    return { outcome: 'learned', peer }
  }

  #take(buckets: BoundedMap<PeerIdStr, TokenBucket>, peer: PeerIdStr, burst: number, perSecond: number): boolean {
    const now = this.#c.clock.monotonicMs()
    return buckets.getOrMake(peer, () => new TokenBucket(burst, perSecond, now)).take(now)
  }
}
