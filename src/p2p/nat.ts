import {
  type CircuitRelayService,
  circuitRelayServer,
  circuitRelayTransport,
  RELAY_V2_STOP_CODEC,
} from '@libp2p/circuit-relay-v2'
import { dcutr } from '@libp2p/dcutr'
import type { Connection, Stream, StreamHandler, StreamHandlerOptions } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Libp2pOptions } from 'libp2p'
import { CodedError, LIMITS, type PeerIdStr } from '../base/index.ts'
import { peerOf } from './connection-info.ts'
import { GuardedRegistrar, type Registrar } from './guarded-registrar.ts'
import { type ReservationStore, withoutBlacklist } from './nat-reservations.ts'
import type { StreamGuard } from './stream-guard.ts'
import type { NatInit } from './types.ts'

type Services = NonNullable<Libp2pOptions['services']>
type Transports = NonNullable<Libp2pOptions['transports']>

/** What libp2p is given for `[p2p.nat]`, and the handles that the host needs of it. */
export interface NatParts {
  readonly transports: Transports
  readonly services: Services
  /** Of this node's places at relays; undefined until libp2p is made, and without relays. */
  store(): ReservationStore | undefined
  /** Takes the peer's place at this relay from it, and cuts every link that was relayed to it. */
  forget(peer: PeerIdStr): void
}

/** Relay protocols, each behind the guard, and none that wasn't asked for. */
export function natParts(init: NatInit, guard: StreamGuard): NatParts {
  const services: Services = {}
  const transports: Transports = []
  let server: CircuitRelayService | undefined
  let store: ReservationStore | undefined
  if (init.relays.length > 0)
    transports.push((c) => {
      const relays = new Set(init.relays.map((r) => r.peerId))
      const registrar = new RelaysOnlyRegistrar(c.registrar, guard, relays)
      const transport = circuitRelayTransport({
        maxInboundStopStreams: LIMITS.maxRelayedLinksPerPeer,
        maxOutboundStopStreams: LIMITS.maxRelayedLinksPerPeer,
        reservationCompletionTimeout: LIMITS.relayRequestTimeoutMs,
        // One relay that doesn't answer must not keep the others waiting.
        reservationConcurrency: init.relays.length,
      })({ ...gettersOf(c), registrar })
      store = withoutBlacklist(transport)
      return transport
    })
  if (init.relayServer)
    services.relay = (c) => {
      server = circuitRelayServer({
        hopTimeout: LIMITS.relayRequestTimeoutMs,
        maxInboundHopStreams: LIMITS.maxRelayedLinksPerPeer,
        maxOutboundStopStreams: LIMITS.maxRelayedLinksPerPeer,
        // Links of members carry everything, for years: the library's 128 KiB and 2 minutes are for strangers.
        reservations: { maxReservations: LIMITS.maxRelayReservations, applyDefaultLimit: false },
      })({ ...gettersOf(c), registrar: new GuardedRegistrar(c.registrar, guard) })
      return server
    }
  if (init.holePunching)
    services.dcutr = (c) => dcutr()({ ...gettersOf(c), registrar: new GuardedRegistrar(c.registrar, guard) })
  return {
    transports,
    services,
    store: () => store,
    forget: (peer) => {
      const id = peerIdFromString(peer)
      const reservation = server?.reservations.get(id)
      server?.reservations.delete(id)
      reservation?.signal.reset(0)
    },
  }
}

type Components = Parameters<Transports[number]>[0]

/** libp2p's components are getters of a proxy, which a spread would not copy. */
function gettersOf(c: Components) {
  const { peerId, privateKey, peerStore, addressManager, transportManager, upgrader } = c
  const { connectionManager, connectionGater, randomWalk, events, logger } = c
  return {
    ...{ peerId, privateKey, peerStore, addressManager, transportManager, upgrader },
    ...{ connectionManager, connectionGater, randomWalk, events, logger },
  }
}

/**
 * Relays are chosen by the operator. The library would also reserve at whoever sends it a stop stream, and at every peer
 * that speaks the relay's protocol.
 */
class RelaysOnlyRegistrar extends GuardedRegistrar {
  readonly #relays: ReadonlySet<PeerIdStr>
  constructor(inner: Registrar, guard: StreamGuard, relays: ReadonlySet<PeerIdStr>) {
    super(inner, guard)
    this.#relays = relays
  }

  override handle(protocol: string, handler: StreamHandler, options?: StreamHandlerOptions): Promise<void> {
    const fromRelays = (stream: Stream, connection: Connection) =>
      protocol !== RELAY_V2_STOP_CODEC || this.#relays.has(peerOf(connection))
        ? handler(stream, connection)
        : stream.abort(new CodedError('NOT_ADMITTED', 'this peer is no relay of ours'))
    return super.handle(protocol, fromRelays, options)
  }
  override async register(): Promise<string> {
    return 'no discovery of relays'
  }
  override unregister(): void {}
}
