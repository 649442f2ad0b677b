import {
  BoundedMap,
  type Cancel,
  type Clock,
  CodedError,
  type Counter,
  codeOf,
  describeError,
  LIMITS,
  type Logger,
  type Metrics,
  type PeerIdStr,
  TokenBucket,
} from '../../base/index.ts'
import type { AddressBook } from '../address-book.ts'
import { expiryOn, unlessAborted } from '../expiry.ts'
import { ADDRESSES_PROTOCOL } from '../protocols.ts'
import type { FrameStream, RoleCheck, StreamPort } from '../types.ts'
import { decodeRecords, encodeRecords, MAX_ADDRESSES_FRAME_BYTES } from './frame.ts'
import { type Judged, RecordJudge } from './judge.ts'
import { type AddressKeeper, StoredBook } from './keeper.ts'
import { OwnRecord } from './own-record.ts'
import type { AddressRecord, RecordCodec } from './record.ts'

/** What changes within this time is told in one frame. */
const TELL_DELAY_MS = 500
/**
 * After a link has opened: the other end may still be busy with the handshake, and keeps but few streams that come before
 * it is done (`maxEarlyStreams`); rounds shall not lose theirs to this one.
 */
const FIRST_TELL_MS = 250
/** After an exchange that failed, while the link stands: the peer's gate may learn of this node a moment later. */
const RETRY_MS = 10_000
/** One linked peer, chosen by lot, is asked this often, so that whatever got lost is found in the end. */
const INTERVAL_MS = 10_000
/** One question and its answer. */
const EXCHANGE_TIMEOUT_MS = 10_000
/** Questions that one peer may ask: at a start everybody tells of everybody. */
const QUESTIONS_BURST = 16
const QUESTIONS_PER_SECOND = 1
const MAX_KEPT = 4 * LIMITS.maxSigners

export interface AddressExchangeInit {
  readonly self: PeerIdStr
  readonly codec: RecordCodec
  readonly book: AddressBook
  readonly roles: Pick<RoleCheck, 'mayConnect' | 'mayOpenStream'>
  readonly streams: StreamPort
  /** Where the book survives a restart; undefined keeps it in memory only. */
  readonly keeper?: AddressKeeper | undefined
  /** Multiaddrs of this node as others reach it, with or without its PeerID. */
  readonly ownAddresses: () => readonly string[]
  /** Peers with an open link. */
  readonly linked: () => readonly PeerIdStr[]
  /** The book holds a newer record of this peer. */
  readonly onLearned: (peer: PeerIdStr) => void
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  readonly random?: () => number
}

/** What a peer is still to be told: of these peers, or of all. */
interface Due {
  readonly of: Set<PeerIdStr>
  all: boolean
  timer: Cancel | undefined
  isRunning: boolean
}

/**
 * Members tell each other where members are, in records that each signed for itself: on a new link everything, later what
 * has changed, now and then everything again. Told, kept and answered is only of peers that the gate admits now.
 */
export class AddressExchange {
  readonly #c: AddressExchangeInit
  readonly #random: () => number
  readonly #judge: RecordJudge
  readonly #stored: StoredBook
  readonly #own: OwnRecord
  readonly #due = new Map<PeerIdStr, Due>()
  /** Sequences that a linked peer has shown to know, or was told. */
  readonly #shown = new BoundedMap<PeerIdStr, Map<PeerIdStr, number>>(MAX_KEPT)
  readonly #questions = new BoundedMap<PeerIdStr, TokenBucket>(MAX_KEPT)
  readonly #exchanges: Counter<'result'>
  #running: AbortController | undefined
  #interval: Cancel | undefined
  #unhandle: (() => Promise<void>) | undefined

  constructor(init: AddressExchangeInit) {
    this.#c = init
    this.#random = init.random ?? Math.random
    this.#judge = new RecordJudge(init)
    this.#own = new OwnRecord(init, () => {
      this.#stored.changed()
      for (const peer of this.#c.linked()) this.#tell(peer, this.#c.self, TELL_DELAY_MS)
    })
    this.#stored = new StoredBook({ ...init, keeper: init.keeper, own: () => this.#own.record?.wire })
    this.#exchanges = init.metrics.counter('p2p_address_exchanges_total', 'Exchanges of peer records, by result', [
      'result',
    ])
  }

  /** Fills the book from disk; before the first dial. Never rejects. */
  async load(): Promise<void> {
    this.#own.outbid(await this.#stored.load())
  }

  async start(): Promise<void> {
    this.#running = new AbortController()
    this.#unhandle = await this.#c.streams.handle(ADDRESSES_PROTOCOL, MAX_ADDRESSES_FRAME_BYTES, (s) => this.#serve(s))
    this.#own.start()
    const later = () => {
      this.#interval = this.#c.clock.after(INTERVAL_MS * (0.5 + this.#random()), () => {
        later()
        this.#ownAndOneMore()
      })
    }
    later()
  }
  async stop(): Promise<void> {
    this.#interval?.()
    this.#own.stop()
    for (const due of this.#due.values()) due.timer?.()
    this.#due.clear()
    this.#running?.abort(new CodedError('NOT_STARTED', 'the p2p host is stopping'))
    this.#running = undefined
    await this.#unhandle?.()
    this.#unhandle = undefined
    await this.#stored.flush()
  }

  linkOpened(peer: PeerIdStr): void {
    this.#shown.delete(peer)
    this.#tell(peer, 'all', FIRST_TELL_MS)
  }
  /** Own addresses may have changed; costs nothing if they have not. */
  ownChanged(): void {
    this.#own.refresh()
  }
  /** The peer lost its right to be here. */
  forget(peer: PeerIdStr): void {
    this.#due.get(peer)?.timer?.()
    this.#due.delete(peer)
    this.#shown.delete(peer)
    this.#stored.changed()
  }

  /** No single event of a library is relied on. */
  #ownAndOneMore(): void {
    this.ownChanged()
    const linked = this.#c.linked()
    const peer = linked[Math.floor(this.#random() * linked.length)]
    if (peer === undefined) return
    this.#shown.delete(peer)
    this.#tell(peer, 'all', 0)
  }

  #tell(peer: PeerIdStr, of: PeerIdStr | 'all', delayMs: number): void {
    if (this.#running === undefined) return
    const due = this.#due.get(peer) ?? { of: new Set(), all: false, timer: undefined, isRunning: false }
    this.#due.set(peer, due)
    if (of === 'all') due.all = true
    else due.of.add(of)
    this.#later(peer, due, delayMs)
  }

  #later(peer: PeerIdStr, due: Due, delayMs: number): void {
    if (due.timer !== undefined || due.isRunning || this.#running === undefined) return
    due.timer = this.#c.clock.after(delayMs, () => {
      due.timer = undefined
      void this.#ask(peer, due)
    })
  }

  async #ask(peer: PeerIdStr, due: Due): Promise<void> {
    const { all, of } = { all: due.all, of: new Set(due.of) }
    due.all = false
    due.of.clear()
    // Who has gone is told everything when it is back.
    const mayAsk = this.#c.roles.mayOpenStream(peer, ADDRESSES_PROTOCOL, 'outbound').ok
    const records = this.#toTell(this.#shown.get(peer)).filter((r) => all || of.has(r.peer))
    if (this.#c.linked().includes(peer) && mayAsk && (all || records.length > 0)) {
      due.isRunning = true
      const isDone = await this.#exchange(peer, records)
      due.isRunning = false
      if (!isDone && this.#due.get(peer) === due) this.#tell(peer, 'all', RETRY_MS)
    }
    if (this.#due.get(peer) !== due) return
    if (due.all || due.of.size > 0) this.#later(peer, due, TELL_DELAY_MS)
    else this.#due.delete(peer)
  }

  async #exchange(peer: PeerIdStr, records: readonly AddressRecord[]): Promise<boolean> {
    const { clock, streams, logger } = this.#c
    const expiry = expiryOn(clock, 'an exchange of addresses', EXCHANGE_TIMEOUT_MS, this.#running?.signal)
    let stream: FrameStream | undefined
    try {
      stream = await streams.open(peer, ADDRESSES_PROTOCOL, MAX_ADDRESSES_FRAME_BYTES, expiry.signal)
      await unlessAborted(stream.write(encodeRecords(records.map((r) => r.wire))), expiry.signal)
      const answer = await stream.read(expiry.signal)
      if (answer !== undefined) await this.#take(peer, answer)
      for (const { peer: of, seq } of records) this.#show(peer, of, seq)
      await unlessAborted(stream.close(), expiry.signal)
      this.#exchanges.inc({ result: 'done' })
      return true
    } catch (error) {
      this.#countOversized(error)
      stream?.abort(error instanceof Error ? error : new Error(describeError(error)))
      this.#exchanges.inc({ result: 'failed' })
      logger.debug('an exchange of addresses failed', { peer, error: describeError(error) })
      return false
    } finally {
      expiry.done()
    }
  }

  /** What goes wrong here ends this stream, and never the link. */
  async #serve(stream: FrameStream): Promise<void> {
    const { clock } = this.#c
    const peer = stream.peerId
    const now = clock.monotonicMs()
    const bucket = this.#questions.getOrMake(peer, () => new TokenBucket(QUESTIONS_BURST, QUESTIONS_PER_SECOND, now))
    if (!bucket.take(now)) {
      this.#judge.drop('rate')
      throw new CodedError('RATE_LIMITED', 'too many exchanges of addresses; ask again later')
    }
    const expiry = expiryOn(clock, 'a question for addresses', EXCHANGE_TIMEOUT_MS, this.#running?.signal)
    try {
      const frame = await stream.read(expiry.signal)
      if (frame === undefined) return
      const { seen } = await this.#take(peer, frame)
      const answer = this.#toTell(seen)
      await unlessAborted(stream.write(encodeRecords(answer.map((r) => r.wire))), expiry.signal)
      for (const { peer: of, seq } of answer) this.#show(peer, of, seq)
      // The asker ends the stream when it has read the answer: a reset in between would lose it.
      await stream.read(expiry.signal)
    } catch (error) {
      this.#countOversized(error)
      throw error
    } finally {
      expiry.done()
    }
  }

  #countOversized(error: unknown): void {
    if (codeOf(error) === 'FRAME_TOO_LARGE') this.#judge.drop('oversized')
  }

  async #take(from: PeerIdStr, frame: Uint8Array): Promise<Judged> {
    const wires = decodeRecords(frame)
    if (wires === undefined) {
      this.#judge.drop('malformed')
      throw new CodedError('MALFORMED', 'this is not a frame of the address exchange')
    }
    const judged = await this.#judge.judge(from, wires, this.#own.seq)
    if (judged.ownSeq !== undefined) {
      this.#judge.drop('own')
      this.#own.outbid(judged.ownSeq)
    }
    for (const [of, seq] of judged.seen) this.#show(from, of, seq)
    for (const learned of judged.learned) {
      this.#c.onLearned(learned)
      for (const peer of this.#c.linked())
        if (peer !== from && peer !== learned) this.#tell(peer, learned, TELL_DELAY_MS)
    }
    if (judged.learned.length > 0) this.#stored.changed()
    return judged
  }

  /**
   * This node's own record first, then the newest of the others, as many as a frame may have; not what the peer knows. The
   * peer's own is among them: one whose clock went back, and whose disk was lost, must learn what it has to outbid.
   */
  #toTell(known: ReadonlyMap<PeerIdStr, number> | undefined): readonly AddressRecord[] {
    const { book, roles } = this.#c
    const others = book
      .records()
      .filter((r) => roles.mayConnect(r.peer, 'outbound').ok)
      .toSorted((a, b) => b.seq - a.seq)
    const own = this.#own.record === undefined ? [] : [this.#own.record]
    return [...own, ...others].filter((r) => r.seq > (known?.get(r.peer) ?? -1)).slice(0, LIMITS.maxRecordsPerFrame)
  }

  #show(peer: PeerIdStr, of: PeerIdStr, seq: number): void {
    const shown = this.#shown.getOrMake(peer, () => new Map())
    shown.set(of, Math.max(seq, shown.get(of) ?? -1))
  }
}
