import { type Clock, type Counter, describeError, type Logger, type Metrics, type PeerIdStr } from '../base/index.ts'
import { type GateState, standingOf } from './decide.ts'
import type { Gate } from './gate.ts'

/** Port (implemented by `p2p`): closes everything of a peer, on every transport and in both directions. */
export interface ClosePeer {
  closePeer(peer: PeerIdStr): Promise<{ readonly closedConnections: number }>
  connections(): readonly { readonly peerId: PeerIdStr; readonly direction: 'inbound' | 'outbound' }[]
}

export interface Eviction {
  readonly peers: readonly PeerIdStr[]
  /** When the gate swapped its reference. */
  readonly appliedAtMs: number
  /** From then until the last connection was closed. */
  readonly closedMs: number
}

export interface EvictorInit {
  readonly gate: Gate
  readonly close: ClosePeer
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
}

/** Why a peer was closed: the gate changed, or a handshake that passed the old gate landed after it. */
type EvictionCause = 'lost_role' | 'late_handshake'

/** Closes the connections of peers that lost their role: within a second of the snapshot being applied (docs/GATING.md). */
export class Evictor {
  readonly #c: EvictorInit
  readonly #logger: Logger
  readonly #evicted: Counter<'cause'>
  #last: Eviction | undefined
  constructor(init: EvictorInit) {
    this.#c = init
    this.#logger = init.logger.child('evictor')
    this.#evicted = init.metrics.counter('gate_evictions_total', 'Peers closed because they have no role any more', [
      'cause',
    ])
  }

  /** The latest eviction that closed anything, or that was asked for by name. */
  last(): Eviction | undefined {
    return this.#last
  }

  /**
   * Call right after the gate's state was replaced. `removed` names keys that left the set: their dials and records are
   * torn down even if they hold no connection now.
   */
  async sweep(removed: readonly PeerIdStr[], appliedAtMs: number): Promise<void> {
    const { gate, close, clock } = this.#c
    const unwelcome = close
      .connections()
      .filter((c) => !gate.mayConnect(c.peerId, c.direction).ok)
      .map((c) => c.peerId)
    const peers = [...new Set([...removed, ...unwelcome])]
    if (peers.length === 0) return
    await Promise.all(peers.map((peer) => this.#close(peer, 'lost_role')))
    this.#last = { peers, appliedAtMs, closedMs: Math.max(0, clock.now() - appliedAtMs) }
    this.#logger.info('Closed peers that lost their role', { peers, closedMs: this.#last.closedMs })
  }

  /**
   * As `sweep`, after the operator's lists changed. Who is connected under another role than before starts anew, too: its
   * streams were opened by rights that it no longer has.
   */
  async sweepLists(before: GateState, appliedAtMs: number): Promise<void> {
    const { gate, close } = this.#c
    const changed = close
      .connections()
      .map((c) => c.peerId)
      .filter((peer) => standingOf(before, peer).role !== gate.roleOf(peer))
    // Their dials and records go even if they hold no connection now.
    const denied = [...gate.state.denied].filter((peer) => !before.denied.has(peer))
    await this.sweep([...changed, ...denied], appliedAtMs)
  }

  /** A handshake that passed the old gate can land after the sweep: every opened connection is asked again. */
  async recheck(peer: PeerIdStr, direction: 'inbound' | 'outbound'): Promise<void> {
    const answer = this.#c.gate.mayConnect(peer, direction)
    if (answer.ok) return
    this.#c.gate.denied(peer, answer.reason, 'connection')
    await this.#close(peer, 'late_handshake')
  }

  async #close(peer: PeerIdStr, cause: EvictionCause): Promise<void> {
    this.#evicted.inc({ cause })
    try {
      await this.#c.close.closePeer(peer)
    } catch (error) {
      this.#logger.error('Closing a removed peer failed', { peer, error: describeError(error) })
    }
  }
}
