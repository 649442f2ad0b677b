import { isIPv4, isIPv6 } from 'node:net'
import { accept, type Outcome, type PeerIdStr, refuse } from '../../base/index.ts'
import { keyOfPeerId } from '../../curve/index.ts'
import type { Transport } from '../../p2p/index.ts'

/** The multiaddrs that the node's transports can use, taken apart. */
export interface NodeAddress {
  readonly text: string
  readonly hostKind: HostKind
  readonly transport: Transport
  readonly port: number
  readonly peerId: PeerIdStr | undefined
}

const HOST_CHECKS = {
  ip4: isIPv4,
  ip6: isIPv6,
  dns: isName,
  dns4: isName,
  dns6: isName,
} as const
type HostKind = keyof typeof HOST_CHECKS

const FORMS = 'expected /ip4/ADDRESS/tcp/PORT or /ip4/ADDRESS/udp/PORT/quic-v1 (also ip6, dns, dns4, dns6)'

/** Refusals are ends of sentences for the operator. */
export function parseAddress(text: string): Outcome<NodeAddress> {
  const [empty, hostKind = '', host = '', layer = '', portText = '', ...rest] = text.split('/')
  if (empty !== '' || !isHostKind(hostKind)) return refuse(FORMS)
  if (!HOST_CHECKS[hostKind](host)) return refuse(`${JSON.stringify(host)} is not an ${hostKind} host`)
  if (layer !== 'tcp' && layer !== 'udp') return refuse(FORMS)
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : Number.NaN
  if (!(port <= 65_535)) return refuse('its port must be a number up to 65535')
  if (layer === 'udp' && rest.shift() !== 'quic-v1') return refuse('after udp/PORT comes quic-v1')
  const peerId = rest.length === 0 ? accept(undefined) : parsePeer(rest)
  if (!peerId.ok) return peerId
  return accept({ text, hostKind, transport: layer === 'tcp' ? 'tcp' : 'quic', port, peerId: peerId.value })
}

function parsePeer([protocol, peerId, ...rest]: readonly string[]): Outcome<PeerIdStr> {
  if (protocol !== 'p2p' || peerId === undefined || rest.length > 0)
    return refuse('after the port only /p2p/PEERID may come')
  if (keyOfPeerId(peerId) === undefined) return refuse('its PeerID is not one of a secp256k1 key (16Uiu2HA…)')
  return accept(peerId as PeerIdStr)
}

const isHostKind = (text: string): text is HostKind => Object.hasOwn(HOST_CHECKS, text)

function isName(text: string): boolean {
  return text.length <= 253 && text.split('.').every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(label))
}
