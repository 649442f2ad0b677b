import { lookup } from 'node:dns/promises'
import { CodedError } from '../base/index.ts'
import { unlessAborted } from './expiry.ts'

export interface HostAddress {
  readonly address: string
  readonly family: 4 | 6
}

/** All addresses of a host name; `family` 0 means both. Rejects where there are none. */
export type ResolveHost = (host: string, family: 0 | 4 | 6) => Promise<readonly HostAddress[]>

/** A name may stand for a few machines' worth of addresses; whoever runs it shall not make us knock at more doors. */
const MAX_ADDRESSES_PER_NAME = 8

const FAMILIES = { dns: 0, dns4: 4, dns6: 6 } as const

/** As the machine itself resolves names, its hosts file included; asked anew each time, nothing is kept. */
export const systemResolve: ResolveHost = async (host, family) =>
  (await lookup(host, { all: true, family })).map((a) => ({ address: a.address, family: a.family === 6 ? 6 : 4 }))

/**
 * The addresses that a multiaddr stands for now: itself unless it names a host (`dns`, `dns4`, `dns6`). QUIC's transport
 * resolves nothing, and TCP's doesn't tell dns4 from dns6, so both are resolved here. The lookup itself can't be called
 * off; only the wait for it can.
 */
export async function resolveAddress(
  address: string,
  resolve: ResolveHost,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const [, kind = '', host = '', rest = ''] = /^\/(dns|dns4|dns6)\/([^/]+)(\/.*)$/.exec(address) ?? []
  if (kind !== 'dns' && kind !== 'dns4' && kind !== 'dns6') return [address]
  const found = await unlessAborted(resolve(host, FAMILIES[kind]), signal)
  if (found.length === 0) throw new CodedError('UNREACHABLE', 'the name of an address has no IP address', { address })
  return found.slice(0, MAX_ADDRESSES_PER_NAME).map((a) => `/ip${a.family}/${a.address}${rest}`)
}
