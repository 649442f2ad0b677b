import type { ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface'
import type { PeerIdStr } from '../base/index.ts'
import type { Gate } from './gate.ts'

/**
 * The gate at every hook of js-libp2p. The decisive ones are the encrypted ones, the first moment an identity is proven;
 * the library's default gater would allow all, so every hook is given.
 */
export function createConnectionGater(gate: Gate): Required<ConnectionGater> {
  const deny = (
    peer: PeerId,
    direction: 'inbound' | 'outbound',
    place: 'dial' | 'connection',
    address?: string,
  ): boolean => {
    const peerId = peer.toString() as PeerIdStr
    const answer = gate.mayConnect(peerId, direction)
    if (!answer.ok) gate.denied(peerId, answer.reason, place, address)
    return !answer.ok
  }
  const at = (connection: MultiaddrConnection): string => connection.remoteAddr.toString()
  const never = (): boolean => {
    gate.denied(undefined, 'no_right_to_protocol', 'connection')
    return true
  }
  return {
    denyDialPeer: (peer) => deny(peer, 'outbound', 'dial'),
    // Skipped by the library when no peer id is known: such a dial could reach anyone, so the address must name the peer.
    denyDialMultiaddr: (address) => {
      const named = address.getComponents().some((c) => c.name === 'p2p')
      if (!named) gate.denied(undefined, 'unknown_peer_dial', 'dial')
      return !named
    },
    // Only an address is known here; rate and concurrency caps before identity are the host's (LIMITS).
    denyInboundConnection: () => false,
    denyOutboundConnection: (peer, connection) => deny(peer, 'outbound', 'connection', at(connection)),
    denyInboundEncryptedConnection: (peer, connection) => deny(peer, 'inbound', 'connection', at(connection)),
    denyOutboundEncryptedConnection: (peer, connection) => deny(peer, 'outbound', 'connection', at(connection)),
    denyInboundUpgradedConnection: (peer, connection) => deny(peer, 'inbound', 'connection', at(connection)),
    denyOutboundUpgradedConnection: (peer, connection) => deny(peer, 'outbound', 'connection', at(connection)),
    denyInboundRelayReservation: never,
    denyOutboundRelayedConnection: never,
    denyInboundRelayedConnection: never,
    filterMultiaddrForPeer: (peer) => gate.mayConnect(peer.toString() as PeerIdStr, 'outbound').ok,
  }
}
