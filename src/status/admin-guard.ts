import { createHash, timingSafeEqual } from 'node:crypto'
import { accept, type HttpRequest, type Outcome, refuse } from '../base/index.ts'

/** Why the TCP listener refuses a request before any route sees it (R40). */
export const TCP_REFUSALS = ['FOREIGN_HOST', 'FOREIGN_ORIGIN', 'TOKEN_REQUIRED'] as const
export type TcpRefusal = (typeof TCP_REFUSALS)[number]

export interface TcpGuardInit {
  /** As configured: an address or a name. */
  readonly host: string
  /** The port in use, not the configured one: that may be 0. */
  readonly port: number
  readonly token: string | undefined
}

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]']

/**
 * R40 for the TCP listener. Host: a page whose name was rebound to a loopback address still sends its own name. Origin: a
 * browser adds it for other sites' scripts. The token is compared without telling by time how much of it was right.
 */
export function tcpGuard(init: TcpGuardInit): (request: HttpRequest) => Outcome<void, TcpRefusal> {
  const own = init.host.includes(':') && !init.host.startsWith('[') ? `[${init.host}]` : init.host
  const names = [...LOOPBACK_NAMES, own.toLowerCase()]
  const hosts = new Set(names.map((name) => `${name}:${init.port}`))
  if (init.port === 80) for (const name of names) hosts.add(name)
  const origins = new Set([...hosts].map((host) => `http://${host}`))
  const expected = init.token === undefined ? undefined : sha256(`Bearer ${init.token}`)

  return ({ headers }) => {
    if (!hosts.has((headers.host ?? '').toLowerCase())) return refuse('FOREIGN_HOST')
    if (headers.origin !== undefined && !origins.has(headers.origin.toLowerCase())) return refuse('FOREIGN_ORIGIN')
    // Digests have one length, so the comparison doesn't tell the token's.
    if (expected !== undefined && !timingSafeEqual(expected, sha256(headers.authorization ?? '')))
      return refuse('TOKEN_REQUIRED')
    return accept(undefined)
  }
}

const sha256 = (text: string): Uint8Array => createHash('sha256').update(text).digest()
