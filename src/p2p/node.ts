import { quic } from '@chainsafe/libp2p-quic'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { ConnectionGater, Libp2p } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { LIMITS, type PeerIdStr } from '../base/index.ts'
import type { KeyPair } from '../curve/index.ts'
import type { DialAddress } from './dialer.ts'
import { Gossip, type GossipInit } from './gossip.ts'
import { GuardedRegistrar } from './guarded-registrar.ts'
import { type LanDiscoveryInit, lanDiscovery } from './lan-discovery.ts'
import { lazyWindows } from './lazy-windows.ts'
import { type NatParts, natParts } from './nat.ts'
import type { StreamGuard } from './stream-guard.ts'
import type { NatInit, Transport } from './types.ts'

/** Members and bridges of the largest set, each with two links; strangers are refused long before they count. */
const MAX_CONNECTIONS = 4 * LIMITS.maxSigners
/** One member's streams on one link: gossip, identify, ping, and a few protocols with `maxStreamsPerPeer` each. */
const MAX_STREAMS_PER_CONNECTION = 128
/**
 * Streams that a peer opens before this side has finished with the connection; one more ends the link. The gate has let the
 * peer in by then, and an honest one may open each protocol's streams at once.
 */
const MAX_EARLY_STREAMS = 32
/** Negotiation of a stream with a connected peer. */
const NEGOTIATION_TIMEOUT_MS = 5_000

export interface NodeInit {
  readonly keyPair: KeyPair
  readonly listen: readonly string[]
  readonly announce: readonly string[]
  readonly transports: readonly Transport[]
  readonly gater: ConnectionGater
  readonly guard: StreamGuard
  /** Undefined: a host without gossip, as an rpc client is. */
  readonly gossip: GossipInit | undefined
  /** Undefined: no relay protocol is spoken. */
  readonly nat: NatInit | undefined
  /** Addresses to announce beside all others, asked for each time. */
  readonly relayedAddresses: () => readonly string[]
  /** Undefined: nothing is asked or answered on the local network. */
  readonly lan:
    | (LanDiscoveryInit & { readonly found: (peer: PeerIdStr, addresses: readonly string[]) => void })
    | undefined
}

export interface Node {
  readonly libp2p: Libp2p
  readonly gossip: Gossip | undefined
  readonly nat: NatParts | undefined
  readonly dialAddress: DialAddress
}

/** Peers learn nothing but the name: no version to look exploits up for. */
const NODE_INFO = { name: 'countersign', version: '1', userAgent: 'countersign' }

/** Composes libp2p; not started. Every service sees the guarded registrar. */
export async function createNode(init: NodeInit): Promise<Node> {
  // libp2p keeps these very bytes as its key, so they can't be zeroed.
  const privateKey = privateKeyFromRaw(init.keyPair.exposeSecret())
  let gossip: Gossip | undefined
  let dialAddress: DialAddress = () => Promise.reject(new Error('the transports are not there yet'))
  const services: Libp2pOptions['services'] = {
    // Not a service: what the dialer races addresses with. The gater's hooks and the handshake run all the same.
    dialAddress: (c) => {
      dialAddress = (address, signal) => c.transportManager.dial(address, { signal })
      return {}
    },
    identify: (c) =>
      identify()({
        peerId: c.peerId,
        privateKey: c.privateKey,
        peerStore: c.peerStore,
        registrar: new GuardedRegistrar(c.registrar, init.guard),
        addressManager: c.addressManager,
        events: c.events,
        logger: c.logger,
        nodeInfo: c.nodeInfo,
      }),
    ping: (c) =>
      ping()({ registrar: new GuardedRegistrar(c.registrar, init.guard), connectionManager: c.connectionManager }),
  }
  const gossipInit = init.gossip
  if (gossipInit !== undefined)
    services.gossip = (c) => {
      const { privateKey, peerId, peerStore, connectionManager, logger } = c
      const registrar = new GuardedRegistrar(c.registrar, init.guard)
      gossip = new Gossip(
        gossipInit,
        { privateKey, peerId, peerStore, connectionManager, logger, registrar },
        registrar,
      )
      return gossip.service
    }
  const nat = init.nat === undefined ? undefined : natParts(init.nat, init.guard)
  Object.assign(services, nat?.services)
  if (init.lan !== undefined) services.lan = lanDiscovery(init.lan, init.lan.found)
  const libp2p = await createLibp2p({
    start: false,
    privateKey,
    nodeInfo: NODE_INFO,
    addresses: {
      listen: [...init.listen],
      announce: [...init.announce],
      // The one place that `announce` doesn't override: who is reached through relays is so beside everything else.
      announceFilter: (own) => [...own, ...init.relayedAddresses().map((a) => multiaddr(a))],
    },
    transports: [
      ...(nat?.transports ?? []),
      ...[...new Set(init.transports)].map((t) => (t === 'tcp' ? tcp() : quic())),
    ],
    connectionEncrypters: [noise()],
    streamMuxers: [
      lazyWindows(yamux({ maxInboundStreams: MAX_STREAMS_PER_CONNECTION, maxEarlyStreams: MAX_EARLY_STREAMS })),
    ],
    connectionGater: init.gater,
    connectionManager: {
      maxConnections: MAX_CONNECTIONS,
      // The gater's own quota decides, per host and in all, and counts; the library's would refuse before it, and unseen, and
      // would let a few hosts fill what is meant for all.
      inboundConnectionThreshold: Number.MAX_SAFE_INTEGER,
      maxIncomingPendingConnections: Number.MAX_SAFE_INTEGER,
      inboundUpgradeTimeout: LIMITS.handshakeTimeoutMs,
      dialTimeout: LIMITS.dialTimeoutMs,
      inboundStreamProtocolNegotiationTimeout: NEGOTIATION_TIMEOUT_MS,
      outboundStreamProtocolNegotiationTimeout: NEGOTIATION_TIMEOUT_MS,
    },
    // A client's link may be refused pings by right, and is watched by its requests' deadlines.
    connectionMonitor: { enabled: gossipInit !== undefined, pingTimeout: { minTimeout: LIMITS.pingTimeoutMs } },
    services,
  })
  return { libp2p, gossip, nat, dialAddress }
}
