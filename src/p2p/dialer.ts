import type { Connection, Libp2p } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import {
  CodedError,
  type Counter,
  codeOf,
  describeError,
  LIMITS,
  type Logger,
  type Metrics,
  type PeerIdStr,
  withDeadline,
} from '../base/index.ts'
import type { AddressBook } from './address-book.ts'
import type { DialPort } from './mesh-keeper.ts'
import type { RoleCheck } from './types.ts'

export interface DialerInit {
  readonly book: AddressBook
  readonly roles: RoleCheck
  readonly logger: Logger
  readonly metrics: Metrics
  /** Undefined while stopped. */
  readonly node: () => Libp2p | undefined
}

/** Every dial of the room, so that all pending ones to a peer can be called off. */
export class Dialer implements DialPort {
  readonly #init: DialerInit
  readonly #pending = new Map<PeerIdStr, Set<AbortController>>()
  readonly #dials: Counter<'result'>
  constructor(init: DialerInit) {
    this.#init = init
    this.#dials = init.metrics.counter('p2p_dials_total', 'Dials to known peers, by result', ['result'])
  }

  /** Open connections to exactly this peer, oldest first. */
  connections(peer: PeerIdStr): Connection[] {
    const all = this.#init.node()?.getConnections(peerIdFromString(peer)) ?? []
    return all.filter((c) => c.status === 'open').sort((a, b) => a.timeline.open - b.timeline.open)
  }
  isConnected(peer: PeerIdStr): boolean {
    return this.connections(peer).length > 0
  }
  hasAddress(peer: PeerIdStr): boolean {
    return this.#init.book.of(peer).length > 0
  }

  async dial(peer: PeerIdStr, signal?: AbortSignal): Promise<void> {
    await this.connect(peer, signal)
  }

  /**
   * An open connection to the peer, made if there is none. It resolves even where the peer is about to refuse us: that
   * shows only when the connection closes. Throws `NOT_ADMITTED`, `UNREACHABLE`, `DEADLINE`.
   */
  async connect(peer: PeerIdStr, signal?: AbortSignal): Promise<Connection> {
    const [existing] = this.connections(peer)
    if (existing !== undefined) return existing
    const answer = this.#init.roles.mayConnect(peer, 'outbound')
    if (!answer.ok) {
      this.#init.roles.denied(peer, answer.reason, 'dial')
      throw new CodedError('NOT_ADMITTED', 'this node may not connect to that peer', { peer, reason: answer.reason })
    }
    const controller = new AbortController()
    const pending = this.#pending.get(peer) ?? new Set()
    this.#pending.set(peer, pending.add(controller))
    try {
      const connection = await this.#dialNow(peer, AbortSignal.any([controller.signal, ...(signal ? [signal] : [])]))
      this.#dials.inc({ result: 'connected' })
      return connection
    } catch (error) {
      this.#dials.inc({ result: 'failed' })
      if (signal?.aborted || codeOf(error) !== undefined) throw error
      const message = 'no known address of the peer answers with its key; check that it runs and its addresses'
      throw new CodedError('UNREACHABLE', message, { peer }, { cause: error })
    } finally {
      pending.delete(controller)
      if (pending.size === 0) this.#pending.delete(peer)
    }
  }

  /** Calls off every dial to the peer that is under way. */
  cancel(peer: PeerIdStr): void {
    for (const controller of this.#pending.get(peer) ?? [])
      controller.abort(new CodedError('UNREACHABLE', 'the peer was closed while being dialled', { peer }))
  }

  async #dialNow(peer: PeerIdStr, signal: AbortSignal): Promise<Connection> {
    const node = this.#init.node()
    if (node === undefined) throw new CodedError('NOT_STARTED', 'the p2p host is not started')
    const addresses = this.#multiaddrs(peer)
    if (addresses.length === 0) throw new CodedError('UNREACHABLE', 'no address of the peer is known', { peer })
    return withDeadline('dialling a peer', LIMITS.dialTimeoutMs, (s) => node.dial(addresses, { signal: s }), signal)
  }

  /** With `/p2p/<id>`, so that whoever else answers there is refused. */
  #multiaddrs(peer: PeerIdStr): Multiaddr[] {
    return this.#init.book.of(peer).flatMap((address) => {
      try {
        return [multiaddr(`${address}/p2p/${peer}`)]
      } catch (error) {
        this.#init.logger.debug('not a dialable address', { peer, error: describeError(error) })
        return []
      }
    })
  }
}
