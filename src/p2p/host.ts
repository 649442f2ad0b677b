import type { Connection, ConnectionGater, Libp2p } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import {
  BoundedMap,
  type Clock,
  CodedError,
  describeError,
  Emitter,
  keepAliveClock,
  LIMITS,
  type Logger,
  type Metrics,
  type PeerIdStr,
  type PublicKey,
  systemClock,
  withDeadline,
} from '../base/index.ts'
import { type KeyPair, peerIdOfKey } from '../curve/index.ts'
import { AddressBook } from './address-book.ts'
import { AddressExchange } from './addresses/exchange.ts'
import type { AddressKeeper } from './addresses/keeper.ts'
import { libp2pRecordCodec } from './addresses/libp2p-record.ts'
import { closeConnections } from './close.ts'
import { ConnectionCap } from './connection-cap.ts'
import { infoOf, peerOf } from './connection-info.ts'
import { type DialAddress, Dialer } from './dialer.ts'
import { Direct, MAX_FRAME_BYTES } from './direct.ts'
import { DuplicateLinks } from './duplicate-links.ts'
import type { Gossip } from './gossip.ts'
import { EnvelopeIntake, type IntakeListeners } from './intake.ts'
import type { LanDiscoveryInit } from './lan-discovery.ts'
import { Links } from './links.ts'
import { MeshKeeper } from './mesh-keeper.ts'
import { EnvelopeMessenger } from './messenger.ts'
import type { NatParts } from './nat.ts'
import { ReservationKeeper } from './nat-reservations.ts'
import { createNode } from './node.ts'
import { DIRECT_PROTOCOL } from './protocols.ts'
import type { ResolveHost } from './resolve.ts'
import { SeedKeeper } from './seed-keeper.ts'
import { StreamGuard } from './stream-guard.ts'
import { Streams } from './streams.ts'
import { checkNetworkName, topicName } from './topic.ts'
import type {
  ConnectionInfo,
  DialReport,
  MeshPeer,
  Messenger,
  NatInit,
  P2pHost,
  RoleCheck,
  StreamPort,
  Topic,
  Transport,
} from './types.ts'

/** Listening takes milliseconds; a name to announce may have to be looked up. */
const START_TIMEOUT_MS = 30_000
/** Connections are closed side by side. */
const STOP_TIMEOUT_MS = 10_000

export interface P2pHostInit {
  readonly keyPair: KeyPair
  /** Multiaddrs to listen on, TCP or QUIC; none for a host that only dials. */
  readonly listen: readonly string[]
  /** Multiaddrs to tell peers instead of those listened on (NAT, load balancer). */
  readonly announce?: readonly string[]
  readonly transports: readonly Transport[]
  readonly network: string
  /** R16: this start's boot number. */
  readonly boot: number
  readonly roles: RoleCheck
  readonly connectionGater: ConnectionGater
  /** False: no gossip and no envelopes; `messenger` throws. */
  readonly gossip?: boolean
  /** Left out: no relay protocol is spoken. */
  readonly nat?: NatInit
  /** Looks for members on the local network; left out: it doesn't, and isn't found there. */
  readonly mdns?: LanDiscoveryInit
  /** Where the address book survives a restart; in memory only without it. */
  readonly addressKeeper?: AddressKeeper
  /** How names in addresses are resolved; as the machine does unless said. */
  readonly resolve?: ResolveHost
  readonly clock?: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  /** R17: another process speaks with this node's key. */
  readonly onOwnKeyElsewhere?: (boot: number) => void
  readonly onMemberClock?: IntakeListeners['onMemberClock']
  readonly onDoubleVoice?: IntakeListeners['onDoubleVoice']
}

/** Does no I/O before `start`; may be stopped and started again. Throws TypeError on a network's name that no topic could carry. */
export const createP2pHost = (init: P2pHostInit): P2pHost => new Libp2pHost(init)

class Libp2pHost implements P2pHost {
  readonly peerId: PeerIdStr
  readonly connectionOpened: Emitter<ConnectionInfo>
  readonly connectionClosed: Emitter<ConnectionInfo>
  readonly #init: P2pHostInit
  readonly #logger: Logger
  readonly #book = new AddressBook()
  readonly #cap: ConnectionCap
  readonly #guard: StreamGuard
  readonly #dialer: Dialer
  readonly #keeper: MeshKeeper
  readonly #seeds: SeedKeeper
  readonly #addresses: AddressExchange
  readonly #duplicates: DuplicateLinks
  readonly #streams: Streams
  readonly #intake: EnvelopeIntake
  readonly #direct: Direct
  readonly #messenger: Messenger
  /** Who comes in whose place, as far as statements said so; each is used once, when the first one goes. */
  readonly #heirs = new BoundedMap<PeerIdStr, PeerIdStr>(LIMITS.maxSigners)
  readonly #speakers = new Map<PublicKey, Messenger>()
  #libp2p: Libp2p | undefined
  #dialAddress: DialAddress | undefined
  #gossip: Gossip | undefined
  #nat: NatParts | undefined
  #reservations: ReservationKeeper | undefined
  #wanted: readonly PeerIdStr[] = []

  constructor(init: P2pHostInit) {
    checkNetworkName(init.network)
    const { keyPair, roles, metrics, boot } = init
    const clock = init.clock ?? systemClock
    this.#init = init
    this.peerId = keyPair.peerId
    const logger = init.logger.child('p2p')
    this.#logger = logger
    const onError = (error: unknown) => logger.error('listener failed', { error: describeError(error) })
    this.connectionOpened = new Emitter(onError)
    this.connectionClosed = new Emitter(onError)
    this.#book.relayThrough(init.nat?.relays ?? [])
    this.#cap = new ConnectionCap(metrics)
    this.#guard = new StreamGuard(roles, metrics)
    const book = this.#book
    const self = this.peerId
    this.#dialer = new Dialer({
      ...{ self, book, roles, logger, metrics, gater: init.connectionGater },
      // Somebody may wait for a dial with nothing else open.
      clock: init.clock ?? keepAliveClock,
      ...(init.resolve === undefined ? {} : { resolve: init.resolve }),
      node: () => this.#libp2p && this.#dialAddress && { libp2p: this.#libp2p, dialAddress: this.#dialAddress },
    })
    const dialer = this.#dialer
    this.#keeper = new MeshKeeper({ self, dialer, clock, logger, metrics })
    this.#streams = new Streams({ guard: this.#guard, roles, dialer, logger })
    const streams = this.#streams
    this.#seeds = new SeedKeeper({
      ...{ port: dialer, clock, logger, metrics },
      isAnyoneMissing: () => this.#wanted.some((peer) => !dialer.isConnected(peer)),
      onOwner: (peer, address) => book.prove(peer, address),
    })
    this.#addresses = new AddressExchange({
      ...{ self, book, roles, streams, clock, logger, metrics },
      codec: libp2pRecordCodec(keyPair),
      keeper: init.addressKeeper,
      ownAddresses: () => this.addresses(),
      linked: () => [...new Set(this.#openConnections().map(peerOf))],
      onLearned: (peer) => this.#keeper.addressAppeared(peer),
    })
    const port = new Links({ dialer, streams, gossip: () => this.#gossip })
    this.#duplicates = new DuplicateLinks({ self, port, clock, metrics })
    this.#intake = new EnvelopeIntake({
      network: init.network,
      self: keyPair.publicKey,
      boot,
      roles,
      clock,
      logger,
      metrics,
      onOwnKeyElsewhere: init.onOwnKeyElsewhere,
      onMemberClock: init.onMemberClock,
      onDoubleVoice: init.onDoubleVoice,
    })
    this.#direct = new Direct(this.#streams, this.#intake, clock)
    this.#messenger = this.#messengerOf(keyPair)
  }

  get streams(): StreamPort {
    return this.#streams
  }
  get messenger(): Messenger {
    if (this.#init.gossip === false) throw new CodedError('NO_GOSSIP', 'this host was made without gossip')
    return this.#messenger
  }

  speaker(keyPair: KeyPair): Messenger {
    const known = this.#speakers.get(keyPair.publicKey)
    if (known !== undefined) return known
    const speaker = this.#messengerOf(keyPair)
    // One counter per key and boot (R16), so one speaker per key.
    this.#speakers.set(keyPair.publicKey, speaker)
    this.#intake.speakAs(keyPair.publicKey)
    return speaker
  }

  carry(topic: Topic, carried: PublicKey, carrier: PublicKey): () => void {
    this.#heirs.set(peerIdOfKey(carrier), peerIdOfKey(carried))
    return this.#intake.carriers.carry(topicName(topic), carried, carrier)
  }

  #messengerOf(keyPair: KeyPair): Messenger {
    return new EnvelopeMessenger({
      keyPair,
      boot: this.#init.boot,
      intake: this.#intake,
      clock: this.#init.clock ?? systemClock,
      metrics: this.#init.metrics,
      subscribe: (name) => this.#gossip?.subscribe(name),
      unsubscribe: (name) => this.#gossip?.unsubscribe(name),
      publish: (name, wire) => this.#runningGossip().publish(name, wire),
      send: (to, name, wire, signal) => this.#direct.send(to, name, wire, signal),
    })
  }

  async start(signal?: AbortSignal): Promise<void> {
    if (this.#libp2p !== undefined) return
    signal?.throwIfAborted()
    const { roles, metrics, keyPair, listen, transports } = this.#init
    const withGossip = this.#init.gossip !== false
    const clock = this.#init.clock ?? systemClock
    if (withGossip) await this.#addresses.load()
    const { libp2p, gossip, nat, dialAddress } = await createNode({
      keyPair,
      listen,
      announce: this.#init.announce ?? [],
      transports,
      gater: this.#init.connectionGater,
      guard: this.#guard,
      gossip: withGossip ? { intake: this.#intake, roles, metrics, clock } : undefined,
      nat: this.#init.nat,
      relayedAddresses: () => this.#reservations?.addresses().map((a) => `${a}/p2p/${this.peerId}`) ?? [],
      lan: this.#init.mdns && { ...this.#init.mdns, found: (peer, addresses) => this.#found(peer, addresses) },
    })
    if (libp2p.peerId.toString() !== this.peerId)
      throw new CodedError('WRONG_PEER_ID', 'libp2p derives another PeerID from this key than the registry rule does')
    this.#libp2p = libp2p
    this.#nat = nat
    this.#reservations = this.#reservationsOf(clock)
    this.#dialAddress = dialAddress
    this.#listenTo(libp2p)
    try {
      // Handlers first: a peer's first stream may come with its first packet.
      await this.#streams.start(libp2p)
      if (withGossip) await this.#direct.start()
      if (withGossip) await this.#addresses.start()
      await withDeadline('starting the network', START_TIMEOUT_MS, async () => libp2p.start())
    } catch (error) {
      await this.stop()
      throw error
    }
    this.#gossip = gossip
    gossip?.start(libp2p)
    if (withGossip) this.#addresses.ownChanged()
    this.#reservations?.start()
    this.#keeper.start()
    this.#seeds.start()
  }

  async stop(): Promise<void> {
    const libp2p = this.#libp2p
    if (libp2p === undefined) return
    this.#keeper.stop()
    this.#reservations?.stop()
    this.#seeds.stop()
    this.#duplicates.stop()
    if (this.#init.gossip !== false) await this.#addresses.stop()
    this.#gossip?.stop()
    this.#gossip = undefined
    await this.#direct.stop()
    this.#streams.stop()
    // What the library does not get closed must not keep the rest of the node from stopping.
    await withDeadline('stopping the network', STOP_TIMEOUT_MS, async () => libp2p.stop()).finally(() => {
      this.#libp2p = undefined
      this.#dialAddress = undefined
    })
  }

  addresses(): readonly string[] {
    return this.#libp2p?.getMultiaddrs().map((a) => a.toString()) ?? []
  }

  keepConnected(peers: readonly MeshPeer[], seeds: readonly string[] = []): void {
    for (const { peerId, addresses } of peers) this.#book.configure(peerId, addresses)
    this.#wanted = peers.map((p) => p.peerId).filter((p) => p !== this.peerId)
    this.#keeper.keep(this.#wanted)
    this.#seeds.keep(seeds)
    // The list follows the signer set, so rights have changed, too.
    this.#gossip?.alignRights()
  }

  connections(): readonly ConnectionInfo[] {
    return this.#openConnections().map(infoOf)
  }

  dials(): readonly DialReport[] {
    return this.#dialer.report()
  }

  overheard(topic: Topic, wire: Uint8Array): void {
    this.#intake.overhear(topicName(topic), wire)
  }

  async tellEach(peer: PeerIdStr, topic: Topic, wire: Uint8Array): Promise<void> {
    const streams = await this.#streams.openEach(peer, DIRECT_PROTOCOL, MAX_FRAME_BYTES)
    await Promise.all(streams.map((stream) => this.#direct.tell(stream, topicName(topic), wire)))
  }

  async closePeer(peer: PeerIdStr): Promise<{ readonly closedConnections: number }> {
    this.#keeper.drop(peer)
    this.#bequeath(peer)
    this.#book.forget(peer)
    this.#addresses.forget(peer)
    this.#duplicates.forget(peer)
    this.#dialer.cancel(peer)
    const libp2p = this.#libp2p
    if (libp2p === undefined) return { closedConnections: 0 }
    this.#streams.abortAll(peer)
    this.#gossip?.forget(peer)
    this.#nat?.forget(peer)
    const id = peerIdFromString(peer)
    const closedConnections = await closeConnections(libp2p.getConnections(id))
    // Once more: the first one's streams may have said something while they closed.
    this.#gossip?.forget(peer)
    await libp2p.peerStore.delete(id)
    return { closedConnections }
  }

  #reservationsOf(clock: Clock): ReservationKeeper | undefined {
    const store = this.#nat?.store()
    if (store === undefined) return undefined
    return new ReservationKeeper({
      relays: this.#init.nat?.relays ?? [],
      store,
      isConnected: (peer) => this.#dialer.isConnected(peer),
      onChange: () => this.#addresses.ownChanged(),
      clock,
      logger: this.#logger,
    })
  }

  /** Somebody on the local network says so: worth a dial to a member we miss, and nothing else. */
  #found(peer: PeerIdStr, addresses: readonly string[]): void {
    if (!this.#init.roles.mayConnect(peer, 'outbound').ok) return
    this.#book.hint(peer, addresses)
    this.#keeper.addressAppeared(peer)
  }

  /** R7: where a key moved to its next one, the next is to be found where the first one was. */
  #bequeath(peer: PeerIdStr): void {
    const heir = this.#heirs.get(peer)
    if (heir === undefined) return
    this.#heirs.delete(peer)
    this.#book.learn(heir, this.#book.of(peer))
  }

  #openConnections(): Connection[] {
    return this.#libp2p?.getConnections().filter((c) => c.status === 'open') ?? []
  }

  #runningGossip(): Gossip {
    if (this.#gossip === undefined) throw new CodedError('NOT_STARTED', 'the p2p host is not started')
    return this.#gossip
  }

  #listenTo(libp2p: Libp2p): void {
    libp2p.addEventListener('connection:open', ({ detail }) => {
      if (!this.#cap.admits(detail, libp2p.getConnections(detail.remotePeer))) return
      const peer = peerOf(detail)
      this.#keeper.opened(peer)
      this.#reservations?.opened(peer)
      this.connectionOpened.emit(infoOf(detail))
      if (this.#init.gossip === false) return
      this.#addresses.linkOpened(peer)
      if (this.#wanted.includes(peer)) this.#duplicates.opened(peer)
    })
    libp2p.addEventListener('connection:close', ({ detail }) => {
      if (this.#cap.hasRefused(detail)) return
      const peer = peerOf(detail)
      this.#gossip?.connectionClosed(peer, this.#dialer.connections(peer))
      this.#keeper.closed(peer)
      this.connectionClosed.emit(infoOf(detail))
    })
    libp2p.addEventListener('peer:identify', ({ detail }) => {
      const peer = peerOf(detail.connection)
      const addresses = detail.signedPeerRecord?.addresses ?? detail.listenAddrs
      this.#book.learn(peer, addresses.map(String))
      this.#keeper.addressAppeared(peer)
    })
    libp2p.addEventListener('self:peer:update', () => {
      if (this.#init.gossip !== false) this.#addresses.ownChanged()
    })
  }
}
