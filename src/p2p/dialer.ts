import type { Connection, ConnectionGater, Libp2p } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import {
  type Clock,
  CodedError,
  type Counter,
  codeOf,
  describeError,
  LIMITS,
  type Logger,
  type Metrics,
  type PeerIdStr,
} from '../base/index.ts'
import type { AddressBook } from './address-book.ts'
import { infoOf, peerOf, transportOf } from './connection-info.ts'
import { DialWatch } from './dial-watch.ts'
import { sortLinks } from './duplicate-links.ts'
import { expiryOn, unlessAborted } from './expiry.ts'
import type { DialPort } from './mesh-keeper.ts'
import { Names } from './names.ts'
import { raceInOrder } from './race.ts'
import { type NameOrigin, nameIn, type ResolveHost, resolveAddress } from './resolve.ts'
import type { SeedPort } from './seed-keeper.ts'
import type { DialReport, RoleCheck } from './types.ts'

/** The one spelling of a multiaddr that the library itself uses. Throws on what is none. */
export const canonicalAddress = (address: string): string => multiaddr(address).toString()

/** One attempt at one address, whose gater hooks and handshake are the library's. */
export type DialAddress = (address: Multiaddr, signal: AbortSignal) => Promise<Connection>

export interface DialerInit {
  readonly self: PeerIdStr
  readonly book: AddressBook
  readonly roles: RoleCheck
  readonly gater: Pick<ConnectionGater, 'denyDialPeer' | 'denyDialMultiaddr'>
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  readonly resolve?: ResolveHost
  /** Undefined while stopped. */
  readonly node: () => { readonly libp2p: Libp2p; readonly dialAddress: DialAddress } | undefined
}

/** A dial that several callers may wait for; it is called off when the last of them has gone. */
interface SharedDial {
  readonly controller: AbortController
  readonly connection: Promise<Connection>
  /** The peer's own link, which came in meanwhile. */
  readonly arrived: PromiseWithResolvers<Connection>
  waiting: number
}

/**
 * Every dial of the room, so that all pending ones to a peer can be called off. libp2p's own dial queue tries the addresses
 * of a peer one after the other, each with a timeout of its own; here they race (RFC 8305), so the queue is not used.
 */
export class Dialer implements DialPort, SeedPort {
  readonly #init: DialerInit
  readonly #pending = new Map<PeerIdStr, SharedDial>()
  readonly #dials: Counter<'result'>
  readonly #resolve: ResolveHost
  readonly #watch: DialWatch
  constructor(init: DialerInit) {
    this.#init = init
    this.#resolve = init.resolve ?? new Names(init).resolve
    this.#watch = new DialWatch(init.clock)
    this.#dials = init.metrics.counter('p2p_dials_total', 'Dials to known peers, by result', ['result'])
  }

  /** Open connections to exactly this peer; first the one that survives if there are several. */
  connections(peer: PeerIdStr): Connection[] {
    // Not `getConnections(peer)`: to make a PeerId of text costs a square root on the curve, more than to look at all links.
    const all = this.#init.node()?.libp2p.getConnections() ?? []
    const open = all
      .filter((c) => c.status === 'open' && peerOf(c) === peer)
      .map((connection) => ({ connection, ...infoOf(connection) }))
    return sortLinks(this.#init.self, peer, open).map((link) => link.connection)
  }
  isConnected(peer: PeerIdStr): boolean {
    return this.connections(peer).length > 0
  }
  hasAddress(peer: PeerIdStr): boolean {
    return this.#init.book.of(peer).length > 0
  }

  /** Dials under way, and peers that did not answer the last one. */
  report(): readonly DialReport[] {
    return this.#watch.report()
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
    signal?.throwIfAborted()
    const shared = this.#pending.get(peer) ?? this.#begin(peer)
    shared.waiting++
    const leave = () => {
      shared.waiting--
      if (shared.waiting === 0) this.#callOff(peer, shared, 'nobody waits for this dial any more')
    }
    let isServed = false
    try {
      const link = await unlessAborted(Promise.race([shared.connection, shared.arrived.promise]), signal)
      isServed = true
      return link
    } finally {
      // Not called off for a link that came in: the peer may be doing the same with its own dial, and both would be lost.
      if (isServed) void shared.connection.then(leave, leave)
      else leave()
    }
  }

  /** The peer has linked to us: whoever waits for a dial to it, to an address that may never answer, waits no longer. */
  arrived(peer: PeerIdStr): void {
    const shared = this.#pending.get(peer)
    const [link] = shared === undefined ? [] : this.connections(peer)
    if (link !== undefined) shared?.arrived.resolve(link)
  }

  /** Calls off every dial to the peer that is under way. */
  cancel(peer: PeerIdStr): void {
    const shared = this.#pending.get(peer)
    if (shared !== undefined) this.#callOff(peer, shared, 'the peer was closed while being dialled')
    this.#watch.forget(peer)
  }

  /** Dials an address whose owner proves itself in the handshake: resolves with who that is, once the gate has admitted it. */
  async dialSeed(address: string, signal: AbortSignal): Promise<PeerIdStr> {
    const target = multiaddr(address)
    if ((await this.#init.gater.denyDialMultiaddr?.(target)) === true)
      throw new CodedError('NOT_ADMITTED', 'this address is not among the configured seeds', { address })
    try {
      return peerOf(await this.#race('dialling a seed', [address], '', () => 'configured', signal))
    } catch (error) {
      const names = namesIn(error)
      // A name may stand for several members, this node among them: the others may only be down.
      if (everyFailureIs('InvalidPeerIdError', error))
        throw new CodedError('OWN_ADDRESS', 'this seed is an address of this very node', { address }, { cause: error })
      if (names.includes('ConnectionInterceptedError'))
        throw new CodedError('NOT_ADMITTED', 'who answers at this seed is not admitted', { address }, { cause: error })
      throw error
    }
  }

  #begin(peer: PeerIdStr): SharedDial {
    const controller = new AbortController()
    const connection = this.#dialPeer(peer, controller.signal)
    const shared = { controller, connection, arrived: Promise.withResolvers<Connection>(), waiting: 0 }
    const ended = this.#watch.begin(peer)
    this.#pending.set(peer, shared)
    const settle = (result: 'connected' | 'failed') => {
      this.#dials.inc({ result })
      ended(result)
      this.#forget(peer, shared)
    }
    connection.then(
      () => settle('connected'),
      () => settle('failed'),
    )
    return shared
  }

  #callOff(peer: PeerIdStr, shared: SharedDial, why: string): void {
    this.#forget(peer, shared)
    shared.controller.abort(new CodedError('UNREACHABLE', why, { peer }))
  }
  #forget(peer: PeerIdStr, shared: SharedDial): void {
    if (this.#pending.get(peer) === shared) this.#pending.delete(peer)
  }

  async #dialPeer(peer: PeerIdStr, signal: AbortSignal): Promise<Connection> {
    const addresses = this.#init.book.toDial(peer)
    if (this.#init.node() === undefined) throw new CodedError('NOT_STARTED', 'the p2p host is not started')
    if (addresses.length === 0) throw new CodedError('UNREACHABLE', 'no address of the peer is known', { peer })
    if ((await this.#init.gater.denyDialPeer?.(peerIdFromString(peer))) === true)
      throw new CodedError('NOT_ADMITTED', 'the gate refuses to dial this peer', { peer })
    // With `/p2p/<id>`, so that whoever else answers there is refused.
    const { book } = this.#init
    const originOf = (name: string) => (book.isConfiguredName(peer, name) ? 'configured' : 'told')
    return this.#race('dialling a peer', addresses, `/p2p/${peer}`, originOf, signal)
  }

  async #race(
    what: string,
    addresses: readonly string[],
    suffix: string,
    originOf: (name: string) => NameOrigin,
    parent: AbortSignal,
  ): Promise<Connection> {
    const { clock } = this.#init
    const expiry = expiryOn(clock, what, LIMITS.dialTimeoutMs, parent)
    try {
      return await this.#raceAll(addresses, expiry.signal, async (address, signal) => {
        const now = await resolveAddress(address, this.#resolve, originOf(nameIn(address) ?? ''), signal)
        return this.#raceAll(now, signal, (a, s) => this.#attempt(`${a}${suffix}`, s))
      })
    } catch (error) {
      if (parent.aborted || codeOf(error) !== undefined) throw error
      const message = 'no known address of the peer answers with its key; check that it runs and its addresses'
      const data = { addresses: addresses.length, isOtherKey: isOtherKey(error) }
      throw new CodedError('UNREACHABLE', message, data, { cause: error })
    } finally {
      expiry.done()
    }
  }

  #raceAll(
    candidates: readonly string[],
    signal: AbortSignal,
    attempt: (candidate: string, signal: AbortSignal) => Promise<Connection>,
  ): Promise<Connection> {
    return raceInOrder(candidates, {
      clock: this.#init.clock,
      staggerMs: LIMITS.dialStaggerMs,
      maxRunning: LIMITS.maxParallelDialsPerPeer,
      attemptMs: LIMITS.dialAttemptMs,
      signal,
      attempt,
      discard: (late) => void late.close().catch((error: Error) => late.abort(error)),
    })
  }

  async #attempt(address: string, signal: AbortSignal): Promise<Connection> {
    const node = this.#init.node()
    if (node === undefined) throw new CodedError('NOT_STARTED', 'the p2p host is not started')
    const target = multiaddr(address)
    // Of an address through a relay, that relay is used first, and the gate has a word on it.
    if (transportOf(address) === 'relay' && (await this.#init.gater.denyDialMultiaddr?.(target)) === true)
      throw new CodedError('NOT_ADMITTED', 'the relay in this address is not admitted', { address })
    try {
      return await node.dialAddress(target, signal)
    } catch (error) {
      this.#init.logger.debug('an address did not answer', { error: describeError(error) })
      throw error
    }
  }
}

/** Did every one of the attempts that an error tells of end so? */
function everyFailureIs(name: string, error: unknown): boolean {
  if (error instanceof AggregateError)
    return error.errors.length > 0 && error.errors.every((e) => everyFailureIs(name, e))
  return error instanceof Error && (error.name === name || everyFailureIs(name, error.cause))
}

/** An error and all that caused it. */
function allIn(error: unknown): readonly Error[] {
  if (!(error instanceof Error)) return []
  const causes = error instanceof AggregateError ? error.errors : [error.cause]
  return [error, ...causes.flatMap(allIn)]
}
const namesIn = (error: unknown): readonly string[] => allIn(error).map((e) => e.name)

/** Did somebody answer, with another key? Noise and QUIC say so in words only; if they change, it reads as nobody's answer. */
const isOtherKey = (error: unknown): boolean =>
  allIn(error).some((e) =>
    /does not match expected remote identity key|^Dialed peer \S+ but connected to/.test(e.message),
  )
