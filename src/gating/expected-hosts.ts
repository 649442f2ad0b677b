import type { PeerIdStr } from '../base/index.ts'
import { hostOf, NO_IP } from './host-of.ts'

const known = new WeakMap<ReadonlyMap<PeerIdStr, readonly string[]>, ReadonlyMap<string, readonly PeerIdStr[]>>()

/** Whom the addresses place at which host; names are not hosts. Worked out once per map, for it is asked at every connection. */
export function expectedPeers(
  addresses: ReadonlyMap<PeerIdStr, readonly string[]>,
): ReadonlyMap<string, readonly PeerIdStr[]> {
  const before = known.get(addresses)
  if (before !== undefined) return before
  const byHost = new Map<string, PeerIdStr[]>()
  for (const [peer, list] of addresses)
    for (const host of new Set(list.map(hostOf)))
      if (host !== NO_IP) byHost.set(host, [...(byHost.get(host) ?? []), peer])
  known.set(addresses, byHost)
  return byHost
}
