import { CodedError } from '../base/index.ts'
import { unlessAborted } from './expiry.ts'

export interface HostAddress {
  readonly address: string
  readonly family: 4 | 6
}

/** Who named a name: the operator, or a peer in what it tells of itself, which is trusted with less. */
export type NameOrigin = 'configured' | 'told'

/** All addresses of a host name; `family` 0 means both. Rejects where there are none. */
export type ResolveHost = (host: string, family: 0 | 4 | 6, origin: NameOrigin) => Promise<readonly HostAddress[]>

/** A name may stand for a few machines' worth of addresses; whoever runs it shall not make us knock at more doors. */
const MAX_ADDRESSES_PER_NAME = 8

const FAMILIES = { dns: 0, dns4: 4, dns6: 6 } as const

/** The name that a multiaddr begins with, if it does. */
export const nameIn = (address: string): string | undefined => /^\/dns[46]?\/([^/]+)/.exec(address)?.[1]?.toLowerCase()

/**
 * The addresses that a multiaddr stands for now: itself unless it names a host (`dns`, `dns4`, `dns6`). QUIC's transport
 * resolves nothing, and TCP's doesn't tell dns4 from dns6, so both are resolved here. Only the wait for a
 * lookup is called off: several may wait for one.
 */
export async function resolveAddress(
  address: string,
  resolve: ResolveHost,
  origin: NameOrigin,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const [, kind = '', host = '', rest = ''] = /^\/(dns|dns4|dns6)\/([^/]+)(\/.*)$/.exec(address) ?? []
  if (kind !== 'dns' && kind !== 'dns4' && kind !== 'dns6') return [address]
  const found = await unlessAborted(resolve(host, FAMILIES[kind], origin), signal)
  if (found.length === 0) throw new CodedError('UNREACHABLE', 'the name of an address has no IP address', { address })
  return found.slice(0, MAX_ADDRESSES_PER_NAME).map((a) => `/ip${a.family}/${a.address}${rest}`)
}
