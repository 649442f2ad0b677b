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
const MAX_PEERS = 4 * LIMITS.maxSigners

interface Flow {
  readonly streams: Set<Stream>
  /** Bytes read beyond what has been earned since; above the burst the streams are paused. */
  owedBytes: number
  atMs: number
  resume: Cancel | undefined
}

/**
 * In front of gossipsub (incident 7): its frames are decoded, and ids of its messages kept, before any check of ours. A peer
 * that sends faster than it may is not read for a while, so the transport holds it back, or resets its stream when the
 * buffer is full. Nobody else waits for it.
 */
export class InboundFlow {
  readonly #clock: Clock
  readonly #flows: BoundedMap<PeerIdStr, Flow>
  readonly #paused: Counter<'reason'>

  constructor(clock: Clock, metrics: Metrics) {
    this.#clock = clock
    this.#flows = new BoundedMap(MAX_PEERS, (_peer, flow) => flow.resume?.())
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

  #read(flow: Flow, bytes: number): void {
    const now = this.#clock.now()
    const earned = (Math.max(0, now - flow.atMs) / 1000) * LIMITS.gossipBytesPerSecond
    flow.atMs = now
    flow.owedBytes = Math.max(0, flow.owedBytes - earned) + bytes
    const over = flow.owedBytes - LIMITS.gossipBurstBytes
    if (over > 0) this.#pauseFor(flow, Math.ceil((over / LIMITS.gossipBytesPerSecond) * 1000), 'bytes')
  }

  #pauseFor(flow: Flow, ms: number, reason: 'messages' | 'bytes'): void {
    if (flow.resume !== undefined) return
    this.#paused.inc({ reason })
    for (const stream of flow.streams) pause(stream)
    flow.resume = this.#clock.after(ms, () => {
      flow.resume = undefined
      for (const stream of [...flow.streams]) if (stream.readStatus === 'paused') stream.resume()
    })
  }

  #of(peer: PeerIdStr): Flow {
    return this.#flows.getOrMake(peer, () => ({
      streams: new Set(),
      owedBytes: 0,
      atMs: this.#clock.now(),
      resume: undefined,
    }))
  }
}

function pause(stream: Stream): void {
  if (stream.readStatus === 'readable') stream.pause()
}
