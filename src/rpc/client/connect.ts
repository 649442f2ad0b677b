import { type Clock, keepAliveClock, LIMITS, type PeerIdStr } from '../../base/index.ts'
import { KeyPair } from '../../curve/index.ts'
import { ConnectError, type Server, serversOf } from './address.ts'
import { type Client, clientOver } from './client.ts'
import { openHost } from './host.ts'
import { Link } from './link.ts'
import { type ClientHost, SERVER_TRY_MS } from './reach.ts'
import { Servers, type SignerChange } from './servers.ts'

export interface ConnectOptions {
  /**
   * Multiaddrs, most preferred first. One that ends in `/p2p/<PeerID>` is that server's, which must be among `signers` if
   * those are given; one without may be any of theirs.
   */
  readonly addresses: readonly string[]
  /** This client's identity: its PeerID is what the operator lists under `[[bridge]]`. 32 secret bytes, or a key pair. */
  readonly key: KeyPair | Uint8Array
  /** The server you expect: its public key (66 hex digits) or PeerID. */
  readonly signer?: string
  /**
   * The servers you trust, in the same form, most preferred first: one operator's active server and its standby. One of them is
   * used; when it is lost, the next one that answers.
   */
  readonly signers?: readonly string[]
  /** Told when a trusted server announces its next key, takes that back, or has moved to it (docs/CLIENT.md). */
  readonly onSignerChanged?: (change: SignerChange) => void
  /** For dialling and the greeting together; at most 24 days. */
  readonly timeoutMs?: number
  /** Gives the connecting up; a connected client is ended with `close`. */
  readonly signal?: AbortSignal
}

/** What a timer can wait: a longer one would end at once. Whoever says more means that he waits on. */
const MAX_CONNECT_TIMEOUT_MS = 2 ** 31 - 1
/** Two dials, and the greeting. */
const CONNECT_TIMEOUT_MS = 2 * LIMITS.dialTimeoutMs + 5_000

/**
 * Connects to a signer node and exchanges `hello`. Rejects with RpcError: `UNREACHABLE` if nobody answers at any address,
 * `NOT_ADMITTED` if the server doesn't list this client; and with ConnectError if the arguments name no server.
 */
export async function connect(options: ConnectOptions): Promise<Client> {
  const { addresses, signer, signers, signal } = options
  if (signer !== undefined && signers !== undefined)
    throw new ConnectError('BAD_ADDRESS', 'give signer or signers, not both')
  const servers = serversOf(addresses, signer === undefined ? signers : [signer])
  const key = options.key instanceof KeyPair ? options.key : KeyPair.fromSecret(options.key)
  const host = await openHost(key, servers, signal)
  return connectOver(host, { servers, self: key.peerId, clock: keepAliveClock }, options)
}

export interface Who {
  readonly servers: readonly Server[]
  readonly self: PeerIdStr
  readonly clock: Clock
  readonly random?: () => number
}

export async function connectOver(
  host: ClientHost,
  who: Who,
  options: Pick<ConnectOptions, 'timeoutMs' | 'signal' | 'onSignerChanged'> = {},
): Promise<Client> {
  const { clock } = who
  const {
    signal,
    onSignerChanged,
    timeoutMs = CONNECT_TIMEOUT_MS + 2 * SERVER_TRY_MS * (who.servers.length - 1),
  } = options
  const servers = new Servers(who.servers)
  const link = new Link({ ...who, host, servers, onSignerChanged })
  const client = clientOver(link, { clock, trusted: () => servers.trusted(), release: () => host.stop() })
  try {
    await link.connect({ deadlineMs: clock.now() + Math.min(timeoutMs, MAX_CONNECT_TIMEOUT_MS), signal })
    return client
  } catch (error) {
    await client.close()
    throw error
  }
}
