import type { Libp2p } from '@libp2p/interface'
import { type Clock, Emitter, type PeerIdStr } from '../../src/base/index.ts'
import { AddressBook } from '../../src/p2p/address-book.ts'
import type { RecordCodec } from '../../src/p2p/addresses/record.ts'
import { type DialAddress, Dialer, type DialerInit } from '../../src/p2p/dialer.ts'
import { Direct } from '../../src/p2p/direct.ts'
import type { LinksPort } from '../../src/p2p/duplicate-links.ts'
import {
  type AddressKeeper,
  type ConnectionGater,
  type ConnectionInfo,
  type DropReason,
  IDENTIFY_PROTOCOL,
  type MeshPeer,
  type P2pHost,
  type P2pHostInit,
  type RoleCheck,
} from '../../src/p2p/index.ts'
import { type Admission, EnvelopeIntake } from '../../src/p2p/intake.ts'
import { Mesh } from '../../src/p2p/mesh.ts'
import { EnvelopeMessenger } from '../../src/p2p/messenger.ts'
import { messageName, VirtualGossip } from './gossip.ts'
import type { Internet, Machine, NetworkProcess } from './internet.ts'
import { LinkEnd, type Packet } from './link.ts'
import type { Random } from './random.ts'
import { VirtualStreams } from './streams.ts'
import type { Trace } from './trace.ts'

/** What stands below a host in a simulation. */
export interface Carrier {
  readonly machine: Machine
  readonly internet: Internet
  /** Where it listens. */
  readonly address: string
  readonly random: Random
  readonly trace: Trace
  readonly codec: RecordCodec
  /** Where the address book survives the process. */
  readonly addressKeeper: AddressKeeper
  readonly gossipDegree?: number | undefined
}

/** A message that came to a node, and what its intake made of it. */
export interface Judged {
  readonly topic: string
  readonly data: Uint8Array
  readonly via: 'gossip' | 'direct'
  /** Undefined: it was accepted. */
  readonly dropped: DropReason | undefined
}

/**
 * A P2pHost whose transport is virtual and whose logic is the real one: the whole mesh, intake, messenger and direct messages
 * are those of src/p2p, put together as in src/p2p/host-parts.ts.
 */
export class VirtualHost implements P2pHost, NetworkProcess {
  readonly peerId: PeerIdStr
  readonly gater: ConnectionGater
  readonly connectionOpened = new Emitter<ConnectionInfo>(rethrow)
  readonly connectionClosed = new Emitter<ConnectionInfo>(rethrow)
  readonly judged = new Emitter<Judged>(rethrow)
  readonly messenger: EnvelopeMessenger
  readonly streams: VirtualStreams
  readonly gossip: VirtualGossip
  readonly #roles: RoleCheck
  readonly #carrier: Carrier
  readonly #direct: Direct
  readonly #links = new Set<LinkEnd>()
  readonly #dialer: Dialer
  readonly #mesh: Mesh

  constructor(init: P2pHostInit, carrier: Carrier, clock: Clock) {
    this.#carrier = carrier
    const { keyPair, roles, metrics, logger, network, boot } = init
    this.#roles = roles
    this.peerId = keyPair.peerId
    this.gater = init.connectionGater
    const self = keyPair.publicKey
    const intake = new EnvelopeIntake({ network, self, boot, roles, clock, logger, metrics })
    const random = () => carrier.random.next()
    const book = new AddressBook()
    const ports = { self: this.peerId, roles, clock, logger, metrics, random }
    const dialer = new Dialer({ ...ports, book, gater: this.gater, node: () => this.#network() })
    this.#dialer = dialer
    const streams = new VirtualStreams({
      ...{ roles, clock },
      connect: async (peer, signal) => LinkEnd.of(await dialer.connect(peer, signal)),
    })
    this.streams = streams
    const membership = {
      ...{ streams, codec: carrier.codec, keeper: carrier.addressKeeper, links: this.#linksPort() },
      ownAddresses: () => this.addresses(),
      linked: () => [...new Set([...this.#links].map((end) => end.peer))],
    }
    this.#mesh = new Mesh({ ...ports, book, dialer, relays: [], membership })
    const gossip = new VirtualGossip({
      ...{ intake, roles, metrics, clock, degree: carrier.gossipDegree, random: carrier.random },
      links: () => [...this.#links],
      onAdmitted: ({ topic, data }, admission) => this.#note({ topic, data, via: 'gossip' }, admission),
    })
    this.gossip = gossip
    // Direct admits by itself; this is where its messages are seen.
    const observed: Pick<EnvelopeIntake, 'admit'> = {
      admit: (arrival) => {
        const admission = intake.admit(arrival)
        this.#note(arrival, admission)
        return admission
      },
    }
    this.#direct = new Direct(this.streams, observed, clock)
    this.messenger = new EnvelopeMessenger({
      ...{ keyPair, boot, intake, clock, metrics },
      subscribe: (name) => gossip.subscribe(name),
      unsubscribe: (name) => gossip.unsubscribe(name),
      publish: (name, wire) => gossip.publish(name, wire),
      send: (to, name, wire, signal) => this.#direct.send(to, name, wire, signal),
    })
  }

  /** Next keys, and who carries them, are tested over real links (R7). */
  speaker(): never {
    throw new TypeError('next keys are not simulated')
  }
  carry(): never {
    throw new TypeError('next keys are not simulated')
  }

  /** Heartbeats, which alone use these, are tested over real hosts (R17). */
  overheard(): never {
    throw new TypeError('heartbeats are not simulated')
  }
  tellEach(): never {
    throw new TypeError('heartbeats are not simulated')
  }

  async start(): Promise<void> {
    await this.#mesh.load()
    await this.#direct.start()
    await this.#mesh.serve(undefined)
    this.#carrier.machine.process = this
    this.#carrier.internet.listen(this.#carrier.address, this.#carrier.machine)
    this.gossip.start()
    this.#mesh.start()
  }
  async stop(): Promise<void> {
    await this.#mesh.stop()
    this.gossip.stop()
    await this.#direct.stop()
    for (const end of [...this.#links]) end.close()
    this.#carrier.machine.process = undefined
    this.#carrier.internet.unlisten(this.#carrier.address)
  }
  /** The machine lost power: nobody is told. */
  vanish(): void {
    for (const end of this.#links) end.vanish()
    this.#links.clear()
    this.#carrier.machine.process = undefined
    this.#carrier.internet.unlisten(this.#carrier.address)
  }

  addresses(): readonly string[] {
    return [this.#carrier.address]
  }
  keepConnected(peers: readonly MeshPeer[], seeds: readonly string[] = []): void {
    this.#mesh.keep(peers, seeds)
    this.gossip.alignRights()
  }
  connections(): readonly ConnectionInfo[] {
    return [...this.#links].map((end) => end.info())
  }
  dials(): ReturnType<P2pHost['dials']> {
    return this.#dialer.report()
  }
  async closePeer(peer: PeerIdStr): Promise<{ readonly closedConnections: number }> {
    this.#mesh.drop(peer)
    this.streams.abortAll(peer)
    this.gossip.forget(peer)
    const ends = this.#linksOf(peer)
    for (const end of ends) end.close()
    return { closedConnections: ends.length }
  }

  /** Gossips bytes of the caller's choice to everybody it is connected to: what a member with its own software may do. */
  shout(topic: string, data: Uint8Array): void {
    for (const end of this.#links) end.toss({ kind: 'gossip', topic, data, id: messageName(topic, data) })
  }

  // NetworkProcess

  onOpened(end: LinkEnd): void {
    this.#links.add(end)
    this.#mesh.opened(end.peer)
    this.connectionOpened.emit(end.info())
    if (this.#roles.mayOpenStream(end.peer, IDENTIFY_PROTOCOL, 'outbound').ok)
      end.send({ kind: 'identify', addresses: this.addresses() })
    this.gossip.tend()
  }
  onClosed(end: LinkEnd): void {
    if (!this.#links.delete(end)) return
    this.streams.onClosed(end)
    this.gossip.connectionClosed(end.peer, this.#linksOf(end.peer).length === 0)
    this.#mesh.closed(end.peer)
    this.connectionClosed.emit(end.info())
  }
  onPacket(end: LinkEnd, packet: Packet): void {
    switch (packet.kind) {
      case 'ping':
      case 'pong':
        return
      case 'identify':
        if (!this.#roles.mayOpenStream(end.peer, IDENTIFY_PROTOCOL, 'inbound').ok) return
        this.#mesh.said(end.peer, packet.addresses)
        return
      case 'gossip-open':
      case 'gossip-reset':
      case 'subscribe':
      case 'unsubscribe':
      case 'gossip':
        this.gossip.onPacket(end, packet)
        return
      default:
        this.streams.onPacket(end, packet)
    }
  }

  #linksOf(peer: PeerIdStr): readonly LinkEnd[] {
    return [...this.#links].filter((end) => end.peer === peer)
  }

  /** What the dialer sees of a libp2p: its connections, and a way to one address. */
  #network(): ReturnType<DialerInit['node']> {
    const { internet, machine } = this.#carrier
    if (machine.process !== this) return undefined
    const libp2p = {
      getConnections: () => [...this.#links].map((end) => end.connection),
    } as unknown as Libp2p
    const dialAddress: DialAddress = async (target, signal) => {
      const [address = '', peer] = target.toString().split('/p2p/')
      return (await internet.dial(machine, peer as PeerIdStr | undefined, address, signal)).connection
    }
    return { libp2p, dialAddress }
  }

  #linksPort(): LinksPort {
    const end = (peer: PeerIdStr, id: string) => this.#linksOf(peer).find((e) => e.id === id)
    return {
      links: (peer) =>
        this.#dialer.connections(peer).map((connection) => {
          const link = LinkEnd.of(connection)
          const isIdle = !this.gossip.uses(link) && !this.streams.runOn(link)
          return { ...link.info(), id: link.id, carriesGossip: this.gossip.runsOn(link), isIdle }
        }),
      retire: (peer, id, inFavourOf) => {
        const [loser, winner] = [end(peer, id), end(peer, inFavourOf)]
        if (loser === undefined || winner === undefined) return
        this.streams.retire(loser)
        this.gossip.moveTo(winner)
      },
      close: (peer, id) => end(peer, id)?.close(),
    }
  }

  #note({ topic, data, via }: Omit<Judged, 'dropped'>, { verdict, dropped }: Admission): void {
    this.#carrier.trace.note(`${this.#carrier.machine.place} ${dropped ?? verdict}`)
    this.judged.emit({ topic, data, via, dropped })
  }
}

const rethrow = (error: unknown): never => {
  throw error
}
