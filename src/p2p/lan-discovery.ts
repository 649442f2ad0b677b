import { BlockList } from 'node:net'
import type { PeerInfo, Startable } from '@libp2p/interface'
import { mdns } from '@libp2p/mdns'
import type { PeerIdStr } from '../base/index.ts'
import { transportOf } from './connection-info.ts'

export interface LanDiscoveryInit {
  /** UDP port of the queries; mDNS has 5353. */
  readonly port?: number
}

/** Only our own kind answers, and other programs' peers are never heard of. */
const SERVICE_TAG = '_countersign._udp.local'
/** What one answer may say; a host has a few interfaces and two transports. */
const MAX_ADDRESSES = 8

const LOCAL = new BlockList()
for (const [net, bits] of [
  ['10.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  LOCAL.addSubnet(net, bits, 'ipv4')
LOCAL.addAddress('::1', 'ipv6')
LOCAL.addSubnet('fc00::', 7, 'ipv6')
LOCAL.addSubnet('fe80::', 10, 'ipv6')

/** Answers are unsigned: who sends one must not be able to make this node dial the Internet. */
export function isLanAddress(address: string): boolean {
  const [, kind, ip = ''] = /^\/(ip4|ip6)\/([^/]+)\//.exec(address) ?? []
  if (kind === undefined || !['tcp', 'quic'].includes(transportOf(address))) return false
  return LOCAL.check(ip, kind === 'ip4' ? 'ipv4' : 'ipv6')
}

type MdnsComponents = Parameters<ReturnType<typeof mdns>>[0]

/**
 * mDNS behind our own face: not as libp2p's peer discovery, which would keep a record of everybody who answers. What is
 * found is told, nothing is dialled.
 */
export function lanDiscovery(
  init: LanDiscoveryInit,
  found: (peer: PeerIdStr, addresses: readonly string[]) => void,
): (components: MdnsComponents) => Startable {
  return ({ addressManager, logger }) => {
    const service = mdns({ serviceTag: SERVICE_TAG, ...(init.port === undefined ? {} : { port: init.port }) })({
      addressManager,
      logger,
    })
    service.addEventListener('peer', ({ detail }: CustomEvent<PeerInfo>) => {
      const addresses = detail.multiaddrs.map(String).filter(isLanAddress).slice(0, MAX_ADDRESSES)
      if (addresses.length > 0) found(detail.id.toString() as PeerIdStr, addresses)
    })
    const startable = service as typeof service & Startable
    return { start: () => startable.start(), stop: () => startable.stop() }
  }
}
