import { type Clock, keepAliveClock, LIMITS, type PeerIdStr } from '../../base/index.ts'
import { KeyPair } from '../../curve/index.ts'
import type { StreamPort } from '../../p2p/index.ts'
import { serverOf } from './address.ts'
import { type Client, clientOver } from './client.ts'
import { openHost } from './host.ts'
import { Link } from './link.ts'

export interface ConnectOptions {
  /** Multiaddrs of one signer node, most preferred first; ending in `/p2p/<PeerID>`, unless `signer` is given. */
  readonly addresses: readonly string[]
  /** This client's identity: its PeerID is what the operator lists under `[[bridge]]`. 32 secret bytes, or a key pair. */
  readonly key: KeyPair | Uint8Array
  /** The server you expect: its public key (66 hex digits) or PeerID. */
  readonly signer?: string
  /** For dialling and the greeting together. */
  readonly timeoutMs?: number
  /** Gives the connecting up; a connected client is ended with `close`. */
  readonly signal?: AbortSignal
}

/** What stands under a client: a way to open streams, to be let go of at the end. */
export interface ClientHost {
  readonly streams: StreamPort
  stop(): Promise<void>
}

/** Two dials, and the greeting. */
const CONNECT_TIMEOUT_MS = 2 * LIMITS.dialTimeoutMs + 5_000

/**
 * Connects to a signer node and exchanges `hello`. Rejects with RpcError: `UNREACHABLE` if nobody answers at any address,
 * `NOT_ADMITTED` if the server doesn't list this client; and with ConnectError if the arguments name no server.
 */
export async function connect(options: ConnectOptions): Promise<Client> {
  const server = serverOf(options.addresses, options.signer)
  const key = options.key instanceof KeyPair ? options.key : KeyPair.fromSecret(options.key)
  const host = await openHost(key, server, options.addresses, options.signal)
  return connectOver(host, { server, self: key.peerId, clock: keepAliveClock }, options)
}

export async function connectOver(
  host: ClientHost,
  who: { readonly server: PeerIdStr; readonly self: PeerIdStr; readonly clock: Clock; readonly random?: () => number },
  { timeoutMs = CONNECT_TIMEOUT_MS, signal }: Pick<ConnectOptions, 'timeoutMs' | 'signal'> = {},
): Promise<Client> {
  const { clock } = who
  const link = new Link({ streams: host.streams, ...who })
  const client = clientOver(link, clock, () => host.stop())
  try {
    await link.connect({ deadlineMs: clock.now() + timeoutMs, signal })
    return client
  } catch (error) {
    await client.close()
    throw error
  }
}
