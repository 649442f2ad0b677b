import {
  BoundedMap,
  type Clock,
  type Counter,
  LIMITS,
  type Metrics,
  type PeerIdStr,
  TokenBucket,
} from '../../base/index.ts'
import type { AddressBook } from '../address-book.ts'
import type { RoleCheck } from '../types.ts'
import type { RecordCodec } from './record.ts'

/** Why a record went no further; the closed list of labels of `p2p_address_records_dropped_total`. */
export const RECORD_DROPS = ['malformed', 'oversized', 'foreign', 'stale', 'rate', 'forged', 'own'] as const
export type RecordDrop = (typeof RECORD_DROPS)[number]

/**
 * Records whose signature one peer may make this node check: a whole book at once, and then as many as change in a large
 * set. A check costs over a millisecond.
 */
const CHECKS_BURST = 2 * LIMITS.maxRecordsPerFrame
const CHECKS_PER_SECOND = 4
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
 * What every received record passes, the cheap questions first: size and shape → whose (only peers that this node may dial
 * now) → newer than what is known → rates → signature. Never throws; every drop is counted, what is merely known is not.
 */
export class RecordJudge {
  readonly #c: RecordJudgeInit
  readonly #checks = new BoundedMap<PeerIdStr, TokenBucket>(MAX_KEPT)
  readonly #news = new BoundedMap<PeerIdStr, TokenBucket>(MAX_KEPT)
  readonly #dropped: Counter<'reason'>
  readonly #learned: Counter<never>

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
    let newerOwn: number | undefined
    for (const wire of records) {
      const verdict = await this.#one(from, wire, ownSeq, seen)
      if (verdict.outcome === 'learned') learned.push(verdict.peer)
      else if (verdict.outcome === 'own') newerOwn = Math.max(newerOwn ?? 0, verdict.seq)
      else if (verdict.outcome !== 'known') this.drop(verdict.outcome)
      // An honest peer gives on only what it has checked itself, so the rest is not worth checking either.
      if (verdict.outcome === 'forged') break
    }
    return { learned, ownSeq: newerOwn, seen }
  }

  async #one(
    from: PeerIdStr,
    wire: Uint8Array,
    ownSeq: number,
    seen: Map<PeerIdStr, number>,
  ): Promise<
    | { readonly outcome: 'learned'; readonly peer: PeerIdStr }
    | { readonly outcome: 'own'; readonly seq: number }
    | { readonly outcome: 'known' | Exclude<RecordDrop, 'own'> }
  > {
    const { codec, book, roles, self } = this.#c
    const decoded = codec.decode(wire)
    if (!decoded.ok) return { outcome: decoded.reason }
    const { verify, ...record } = decoded.value
    const { peer, seq } = record
    const isOwn = peer === self
    if (!isOwn && !roles.mayConnect(peer, 'outbound').ok) return { outcome: 'foreign' }
    seen.set(peer, Math.max(seq, seen.get(peer) ?? 0))
    const known = isOwn ? ownSeq : (book.recordOf(peer)?.seq ?? -1)
    if (seq === known) return { outcome: 'known' }
    // Its own older ones are told to a node that has shown none yet.
    if (seq < known) return { outcome: isOwn ? 'known' : 'stale' }
    if (!this.#take(this.#checks, from, CHECKS_BURST, CHECKS_PER_SECOND)) return { outcome: 'rate' }
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
    const now = this.#c.clock.now()
    return buckets.getOrMake(peer, () => new TokenBucket(burst, perSecond, now)).take(now)
  }
}
