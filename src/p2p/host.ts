import { peerIdFromString } from '@libp2p/peer-id'
import { CodedError, type Listenable, type PeerIdStr, type PublicKey, withDeadline } from '../base/index.ts'
import { type KeyPair, peerIdOfKey } from '../curve/index.ts'
import { closeConnections } from './close.ts'
import { infoOf } from './connection-info.ts'
import type { P2pHostInit } from './host-init.ts'
import { type HostParts, hostParts, openConnections, ownAddresses } from './host-parts.ts'
import { createNode, type Node } from './node.ts'
import { checkNetworkName } from './topic.ts'
import type { ConnectionInfo, DialReport, MeshPeer, Messenger, P2pHost, StreamPort, Topic } from './types.ts'

export type { P2pHostInit } from './host-init.ts'

/** Listening takes milliseconds; a name to announce may have to be looked up. */
const START_TIMEOUT_MS = 30_000
/** Connections are closed side by side. */
const STOP_TIMEOUT_MS = 10_000

/** Does no I/O before `start`; may be stopped and started again. Throws TypeError on a network's name that no topic could carry. */
export const createP2pHost = (init: P2pHostInit): P2pHost => new Libp2pHost(init)

/** The parts of the host and the order in which they start, stop and let go of a peer; what they do stands in their own files. */
class Libp2pHost implements P2pHost {
  readonly peerId: PeerIdStr
  readonly connectionOpened: Listenable<ConnectionInfo>
  readonly connectionClosed: Listenable<ConnectionInfo>
  readonly #init: P2pHostInit
  readonly #parts: HostParts
  /** This run's libp2p; undefined while stopped. */
  #node: Node | undefined

  constructor(init: P2pHostInit) {
    checkNetworkName(init.network)
    this.#init = init
    this.peerId = init.keyPair.peerId
    this.#parts = hostParts(init, () => this.#node)
    this.connectionOpened = this.#parts.events.opened
    this.connectionClosed = this.#parts.events.closed
  }

  async start(signal?: AbortSignal): Promise<void> {
    if (this.#node !== undefined) return
    signal?.throwIfAborted()
    const { nodeInit, mesh, speech, streams, events } = this.#parts
    await mesh.load()
    const node = await createNode(nodeInit)
    const { libp2p, gossip, nat } = node
    if (libp2p.peerId.toString() !== this.peerId)
      throw new CodedError('WRONG_PEER_ID', 'libp2p derives another PeerID from this key than the registry rule does')
    this.#node = node
    events.listenTo(libp2p)
    try {
      // Handlers first: a peer's first stream may come with its first packet.
      await streams.start(libp2p)
      if (gossip !== undefined) await speech.serve()
      await mesh.serve(nat?.store())
      await withDeadline('starting the network', START_TIMEOUT_MS, async () => libp2p.start())
    } catch (error) {
      await this.stop()
      throw error
    }
    if (gossip !== undefined) speech.start(gossip, libp2p)
    mesh.start()
  }

  /** `start` backwards; libp2p last, so that the parts can still end what they have open. */
  async stop(): Promise<void> {
    const node = this.#node
    if (node === undefined) return
    const { mesh, speech, streams } = this.#parts
    await mesh.stop()
    await speech.stop()
    streams.stop()
    // What the library does not get closed must not keep the rest of the node from stopping.
    await withDeadline('stopping the network', STOP_TIMEOUT_MS, async () => node.libp2p.stop()).finally(() => {
      this.#node = undefined
    })
  }

  keepConnected(peers: readonly MeshPeer[], seeds: readonly string[] = []): void {
    this.#parts.mesh.keep(peers, seeds)
    // The list follows the signer set, so rights have changed, too.
    this.#parts.speech.gossip?.alignRights()
  }

  /** From the top down: first nothing here wants the peer, so that nothing brings back what is closed next. */
  async closePeer(peer: PeerIdStr): Promise<{ readonly closedConnections: number }> {
    const { mesh, speech, streams } = this.#parts
    mesh.drop(peer)
    const node = this.#node
    if (node === undefined) return { closedConnections: 0 }
    // Then what runs over its links, with an error of our own instead of a lost connection's.
    streams.abortAll(peer)
    speech.gossip?.forget(peer)
    node.nat?.forget(peer)
    const id = peerIdFromString(peer)
    const closedConnections = await closeConnections(node.libp2p.getConnections(id))
    // Once more: the first one's streams may have said something while they closed.
    speech.gossip?.forget(peer)
    // Last, because the library writes to a peer's record as long as the peer is connected.
    await node.libp2p.peerStore.delete(id)
    return { closedConnections }
  }

  addresses(): readonly string[] {
    return ownAddresses(this.#node)
  }
  connections(): readonly ConnectionInfo[] {
    return openConnections(this.#node).map(infoOf)
  }
  dials(): readonly DialReport[] {
    return this.#parts.dialer.report()
  }

  get streams(): StreamPort {
    return this.#parts.streams
  }
  get messenger(): Messenger {
    if (this.#init.gossip === false) throw new CodedError('NO_GOSSIP', 'this host was made without gossip')
    return this.#parts.speech.messenger
  }
  speaker(keyPair: KeyPair): Messenger {
    return this.#parts.speech.speaker(keyPair)
  }
  carry(topic: Topic, carried: PublicKey, carrier: PublicKey): () => void {
    this.#parts.mesh.willInherit(peerIdOfKey(carried), peerIdOfKey(carrier))
    return this.#parts.speech.carry(topic, carried, carrier)
  }
  overheard(topic: Topic, wire: Uint8Array): void {
    this.#parts.speech.overheard(topic, wire)
  }
  tellEach(peer: PeerIdStr, topic: Topic, wire: Uint8Array): Promise<void> {
    return this.#parts.speech.tellEach(peer, topic, wire)
  }
}
