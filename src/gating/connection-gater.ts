import type { ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface'
import { accept, type Clock, type PeerIdStr } from '../base/index.ts'
import { expectedPeers } from './expected-hosts.ts'
import type { Gate } from './gate.ts'
import { hostOf, relayOf } from './host-of.ts'
import { HostQuota } from './host-quota.ts'

/** For asking about the right to relays; its two protocols and DCUtR are one kind. */
const RELAY_PROTOCOL = '/libp2p/circuit/relay/0.2.0/hop'

/** Port: what the operator's config says of where members are. */
export interface SeedBook {
  /** Is this exactly an address that is listed without a PeerID? */
  isSeed(address: string): boolean
  /** Addresses of the others; another map once they have changed. */
  named(): ReadonlyMap<PeerIdStr, readonly string[]>
}
const NOBODY: ReadonlyMap<PeerIdStr, readonly string[]> = new Map()
const NO_SEEDS: SeedBook = { isSeed: () => false, named: () => NOBODY }

/**
 * The gate at every hook of js-libp2p. The decisive ones are the encrypted ones, the first moment an identity is proven;
 * the library's default gater would allow all, so every hook is given.
 */
export function createConnectionGater(gate: Gate, clock: Clock, seeds: SeedBook = NO_SEEDS): Required<ConnectionGater> {
  const isAdmitted = (peer: PeerIdStr): boolean => gate.mayConnect(peer, 'inbound').ok
  const quota = new HostQuota({
    clock,
    isAdmitted,
    isExpected: (host) => (expectedPeers(seeds.named()).get(host) ?? []).some(isAdmitted),
  })
  /** Ends the handshake of a connection before its deadline does; without an entry once the connection is garbage. */
  const releases = new WeakMap<MultiaddrConnection, () => void>()
  const deny = (
    peer: PeerId,
    direction: 'inbound' | 'outbound',
    place: 'dial' | 'connection' | 'relay',
    address?: string,
  ): boolean => {
    const peerId = peer.toString() as PeerIdStr
    const answer = gate.mayConnect(peerId, direction)
    if (!answer.ok) gate.denied(peerId, answer.reason, place, address)
    return !answer.ok
  }
  const at = (connection: MultiaddrConnection): string => connection.remoteAddr.toString()
  const denyStranger = (connection: MultiaddrConnection): boolean => {
    const handshake = quota.begin(hostOf(at(connection)))
    if (!handshake.ok) {
      gate.denied(undefined, handshake.reason, 'connection', at(connection))
      return true
    }
    releases.set(connection, handshake.value)
    connection.addEventListener('close', handshake.value, { once: true })
    return false
  }
  const denyProven = (peer: PeerId, direction: 'inbound' | 'outbound', connection: MultiaddrConnection): boolean => {
    releases.get(connection)?.()
    if (deny(peer, direction, 'connection', at(connection))) return true
    // Behind a relay nobody shows where he is: he keeps the host where he was last seen.
    if (relayOf(at(connection)) === undefined) quota.vouch(peer.toString() as PeerIdStr, hostOf(at(connection)))
    return false
  }
  /** Circuits are made by members for members, whoever is the relay (docs/GATING.md, "Relays"): each end is asked for that right. */
  const denyRelaying = (...peers: readonly PeerId[]): boolean =>
    peers.some((peer) => {
      const peerId = peer.toString() as PeerIdStr
      const answer = gate.mayOpenStream(peerId, RELAY_PROTOCOL)
      if (!answer.ok) gate.denied(peerId, answer.reason, 'relay')
      return !answer.ok
    })
  return {
    denyDialPeer: (peer) => deny(peer, 'outbound', 'dial'),
    // `denyDialPeer` is skipped when no peer id is known: such a dial could reach anyone, so the address must name the peer,
    // or be a listed seed, whose owner the encrypted hook judges once it has proven its key.
    denyDialMultiaddr: (address) => {
      const mayGo = address.getComponents().some((c) => c.name === 'p2p') || seeds.isSeed(address.toString())
      if (!mayGo) gate.denied(undefined, 'unknown_peer_dial', 'dial')
      if (!mayGo) return true
      // An address is whatever somebody says: a relay in it is one that we would use.
      const relay = relayOf(address.toString())
      const answer = relay === undefined ? accept(undefined) : gate.mayOpenStream(relay, RELAY_PROTOCOL)
      if (!answer.ok) gate.denied(relay, answer.reason, 'relay')
      return !answer.ok
    },
    // Only an address is known here. On QUIC this comes after the handshake and saves none of its work, only what follows.
    denyInboundConnection: denyStranger,
    denyOutboundConnection: (peer, connection) => deny(peer, 'outbound', 'connection', at(connection)),
    denyInboundEncryptedConnection: (peer, connection) => denyProven(peer, 'inbound', connection),
    denyOutboundEncryptedConnection: (peer, connection) => denyProven(peer, 'outbound', connection),
    denyInboundUpgradedConnection: (peer, connection) => deny(peer, 'inbound', 'connection', at(connection)),
    denyOutboundUpgradedConnection: (peer, connection) => deny(peer, 'outbound', 'connection', at(connection)),
    // As a relay: who waits here, and who is put through to whom.
    denyInboundRelayReservation: (source) => denyRelaying(source),
    denyOutboundRelayedConnection: (source, destination) => denyRelaying(source, destination),
    // Behind a relay: it only says who comes. The encrypted hooks judge whose key is proven, as on every connection.
    denyInboundRelayedConnection: (relay, remote) => denyRelaying(relay) || deny(remote, 'inbound', 'relay'),
    filterMultiaddrForPeer: (peer) => gate.mayConnect(peer.toString() as PeerIdStr, 'outbound').ok,
  }
}
