import type { Connection } from '@libp2p/interface'
import type { PeerIdStr } from '../base/index.ts'
import type { ConnectionInfo, LinkTransport } from './types.ts'

export const peerOf = (connection: Connection): PeerIdStr => connection.remotePeer.toString() as PeerIdStr

export function transportOf(address: string): LinkTransport {
  // First: in front of it stands the relay's own address, of any transport.
  if (/\/p2p-circuit(\/|$)/.test(address)) return 'relay'
  if (/\/quic-v1(\/|$)/.test(address)) return 'quic'
  return /\/tcp\/\d+(\/p2p\/[^/]+)?$/.test(address) ? 'tcp' : 'other'
}

export function infoOf(connection: Connection): ConnectionInfo {
  const remoteAddress = connection.remoteAddr.toString()
  return {
    peerId: peerOf(connection),
    direction: connection.direction,
    transport: transportOf(remoteAddress),
    remoteAddress,
    openedAtMs: connection.timeline.open,
    ...(connection.rtt === undefined ? {} : { rttMs: connection.rtt }),
  }
}
