import { accept, type Clock, type Logger, type Metrics, refuse } from '../base/index.ts'
import type { KeyPair } from '../curve/index.ts'
import { createP2pHost } from './host.ts'
import type { P2pHost, RoleCheck, Transport } from './types.ts'

export interface DialerHostInit {
  readonly keyPair: KeyPair
  readonly transports: readonly Transport[]
  readonly clock?: Clock
  readonly logger: Logger
  readonly metrics: Metrics
}

export type DialerHost = Omit<P2pHost, 'messenger'>

/** A client asks and is never asked: it opens streams to peers that it was told of, and serves identify and ping only. */
const CLIENT_ROLES: RoleCheck = {
  mayConnect: (_peer, direction) => (direction === 'outbound' ? accept(undefined) : refuse('wrong_direction')),
  mayGossip: () => refuse('no_right_to_topic'),
  mayOpenStream: (_peer, protocol, direction) =>
    direction === 'outbound' || protocol.startsWith('/ipfs/') ? accept(undefined) : refuse('no_right_to_protocol'),
  denied() {},
}

/** A host that listens nowhere and has no gossip. Tell it addresses with `keepConnected`, then open `streams`. */
export const createDialerHost = (init: DialerHostInit): DialerHost =>
  createP2pHost({
    ...init,
    listen: [],
    network: 'none',
    boot: 0,
    gossip: false,
    roles: CLIENT_ROLES,
    connectionGater: { denyInboundConnection: () => true },
  })
