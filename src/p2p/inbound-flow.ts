import type { Stream } from '@libp2p/interface'
import {
  BoundedMap,
  type Cancel,
  type Clock,
  type Counter,
  LIMITS,
  type Metrics,
  type PeerIdStr,
} from '../base/index.ts'

/** How long nothing is read from a peer that sent more messages than it may: what it sends meanwhile costs it, not us. */
const HOLD_MS = 500
/** And from one whose frames hold too much: long enough to be worth it, short enough for an honest burst to wait. */
const MIN_ENTRIES_HOLD_MS = 100
const MAX_PEERS = 4 * LIMITS.maxSigners

/** What was read beyond what has been earned since. Unlike a token bucket's, it may go beyond its burst: it was read. */
class Debt {
  readonly #burst: number
  readonly #perSecond: number
  #owed = 0
  #atMs: number
  constructor(burst: number, perSecond: number, nowMs: number) {
    this.#burst = burst
    this.#perSecond = perSecond
    this.#atMs = nowMs
  }
  /** Adds to it, and says in how many ms it will be within the burst; 0 if it is. */
  owe(amount: number, nowMs: number): number {
    const earned = (Math.max(0, nowMs - this.#atMs) / 1000) * this.#perSecond
    this.#atMs = nowMs
    this.#owed = Math.max(0, this.#owed - earned) + amount
    return Math.ceil((Math.max(0, this.#owed - this.#burst) / this.#perSecond) * 1000)
  }
}

type Reason = 'messages' | 'bytes' | 'entries'
interface Flow {
  readonly peer: PeerIdStr
  readonly streams: Set<Stream>
  readonly bytes: Debt
  readonly entries: Debt
  resume: Cancel | undefined
  /** Of frames that wait for the end of the pause. */
  readonly waiting: Set<() => void>
}

/**
 * In front of gossipsub (incident 7): its frames are decoded, and ids of its messages kept, before any check of ours. A peer
 * that sends faster than it may is not read for a while, so the transport holds it back, or resets its stream when the
 * buffer is full. Nobody else waits for it.
 */
export class InboundFlow {
  readonly #clock: Clock
  readonly #flows: BoundedMap<PeerIdStr, Flow>
  readonly #onPause: (peer: PeerIdStr, reason: Reason) => void
  readonly #paused: Counter<'reason'>

  constructor(clock: Clock, metrics: Metrics, onPause: (peer: PeerIdStr, reason: Reason) => void) {
    this.#clock = clock
    this.#onPause = onPause
    this.#flows = new BoundedMap(MAX_PEERS, (_peer, flow) => {
      flow.resume?.()
      goOn(flow)
    })
    this.#paused = metrics.counter(
      'p2p_gossip_paused_total',
      'Pauses in reading the gossip of a peer that sends too much',
      ['reason'],
    )
  }

  /** An inbound gossip stream, once the library reads it: a listener that came earlier would take its first bytes from it. */
  watch(stream: Stream, peer: PeerIdStr): void {
    const flow = this.#of(peer)
    flow.streams.add(stream)
    stream.addEventListener('close', () => flow.streams.delete(stream), { once: true })
    stream.addEventListener('message', ({ data }) => this.#read(flow, data.byteLength))
    // Another stream does not let a paused peer go on.
    if (flow.resume !== undefined) pause(stream)
  }

  /** The peer has sent more messages than it may. */
  tooMany(peer: PeerIdStr): void {
    this.#pauseFor(this.#of(peer), HOLD_MS, 'messages')
  }

  /** So much was in a frame of the peer. */
  spend(peer: PeerIdStr, entries: number): void {
    this.#of(peer).entries.owe(entries, this.#clock.monotonicMs())
  }
  /**
   * Resolves when the next frame of the peer may be decoded: at once, or when what was in those before it is earned. They were
   * read from the stream already, so pausing that alone would not hold them.
   */
  async nextFrame(peer: PeerIdStr): Promise<void> {
    const flow = this.#of(peer)
    let waitMs = flow.entries.owe(1, this.#clock.monotonicMs())
    while (waitMs > 0) {
      this.#pauseFor(flow, Math.max(waitMs, MIN_ENTRIES_HOLD_MS), 'entries')
      await new Promise<void>((resolve) => flow.waiting.add(resolve))
      waitMs = flow.entries.owe(0, this.#clock.monotonicMs())
    }
  }

  #read(flow: Flow, bytes: number): void {
    const waitMs = flow.bytes.owe(bytes, this.#clock.monotonicMs())
    if (waitMs > 0) this.#pauseFor(flow, waitMs, 'bytes')
  }

  #pauseFor(flow: Flow, ms: number, reason: Reason): void {
    if (flow.resume !== undefined) return
    this.#paused.inc({ reason })
    this.#onPause(flow.peer, reason)
    for (const stream of flow.streams) pause(stream)
    flow.resume = this.#clock.after(ms, () => {
      flow.resume = undefined
      for (const stream of [...flow.streams]) if (stream.readStatus === 'paused') stream.resume()
      goOn(flow)
    })
  }

  #of(peer: PeerIdStr): Flow {
    const now = this.#clock.monotonicMs()
    return this.#flows.getOrMake(peer, () => ({
      peer,
      streams: new Set(),
      bytes: new Debt(LIMITS.gossipBurstBytes, LIMITS.gossipBytesPerSecond, now),
      entries: new Debt(LIMITS.gossipBurstEntries, LIMITS.gossipEntriesPerSecond, now),
      resume: undefined,
      waiting: new Set(),
    }))
  }
}

function pause(stream: Stream): void {
  if (stream.readStatus === 'readable') stream.pause()
}
function goOn({ waiting }: Flow): void {
  for (const resolve of waiting) resolve()
  waiting.clear()
}
