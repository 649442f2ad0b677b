import type { PeerIdStr } from '../base/index.ts'

/** All addresses that libp2p gives without an IP: no transport of ours has any, and they share one quota. */
export const NO_IP = 'no-ip'

/** The PeerID of the relay that an address leads through. */
export const relayOf = (address: string): PeerIdStr | undefined =>
  /.*\/p2p\/([^/]+)\/p2p-circuit(?:\/|$)/.exec(address)?.[1] as PeerIdStr | undefined

/** Quotas of relays stand apart from those of hosts: what comes through one comes from who knows where. */
export const RELAY_HOST_PREFIX = 'relay '

/**
 * Whom a multiaddr's quota is counted against: an IPv4 address, or the first 64 bits of an IPv6 one, of which one subscriber
 * is given all the rest. An IPv4 address mapped into IPv6 is itself. Of a relayed address it is the relay, whose host says
 * nothing of the peer behind it.
 */
export function hostOf(address: string): string {
  const relay = relayOf(address)
  if (relay !== undefined) return `${RELAY_HOST_PREFIX}${relay}`
  const [, kind, ip = ''] = /^(?:\/ip6zone\/[^/]+)?\/(ip4|ip6)\/([^/]+)/.exec(address) ?? []
  if (kind === 'ip4') return ip
  const groups = kind === 'ip6' ? groupsOf(ip) : undefined
  if (groups === undefined) return NO_IP
  const isMapped = groups.slice(0, 5).every((g) => g === 0) && groups[5] === 0xffff
  if (isMapped)
    return groups
      .slice(6)
      .flatMap((g) => [g >> 8, g & 0xff])
      .join('.')
  return `${groups
    .slice(0, 4)
    .map((g) => g.toString(16))
    .join(':')}::/64`
}

/** The eight groups of an IPv6 address in any spelling (RFC 4291 §2.2); a zone says nothing about whose it is. */
function groupsOf(ip: string): readonly number[] | undefined {
  const url = `http://[${ip.replace(/%.*$/, '')}]`
  if (!URL.canParse(url)) return undefined
  const [head = '', tail = ''] = new URL(url).hostname.slice(1, -1).split('::')
  const parts = (side: string) => (side === '' ? [] : side.split(':').map((g) => Number.parseInt(g, 16)))
  const [before, after] = [parts(head), parts(tail)]
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after]
}
