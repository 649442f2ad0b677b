import { LIMITS } from '../../base/index.ts'
import type { Transport } from '../../p2p/index.ts'
import * as read from './readers.ts'
import { defaulted, required } from './row.ts'

const MAX_ADDRESSES = 32
/** Every member may be a seed on two transports and two address families. */
const MAX_SEEDS = LIMITS.maxSigners * 4
/** Two would do, should one be down; more only cost connections. */
const MAX_RELAYS = 8
/** A denied key beside every member of the largest set is more than anybody writes by hand. */
const MAX_DENIED = LIMITS.maxSigners
const TRANSPORTS = ['tcp', 'quic'] as const satisfies readonly Transport[]

const addressText = (a: { readonly text: string }): string => a.text

/** How other members are reached, and who never is. */
export const P2P_ROWS = {
  listen: required(
    read.list(read.address('without PeerID', 'listen'), 0, MAX_ADDRESSES, addressText),
    'Addresses to listen at; none only with relays under [p2p.nat].',
    '["/ip4/0.0.0.0/tcp/4700", "/ip4/0.0.0.0/udp/4700/quic-v1"]',
  ),
  announce: defaulted(
    read.list(read.address('without PeerID', 'dial'), 0, MAX_ADDRESSES, addressText),
    [],
    'Addresses at which others reach this node, where they differ from listen.',
    '["/dns4/signer.example.org/tcp/4700"]',
  ),
  transports: defaulted(
    read.list(read.oneOf(TRANSPORTS), 1, TRANSPORTS.length, read.same),
    TRANSPORTS,
    'Transports in use.',
    '["tcp", "quic"]',
  ),
  seeds: defaulted(
    read.list(read.address('PeerID or not', 'dial'), 0, MAX_SEEDS, addressText),
    [],
    'Known addresses of other signers, best with their PeerID; who is admitted stands in the registry, not here.',
    '["/dns4/other.example.org/tcp/4700/p2p/16Uiu2HA…"]',
  ),
  deny: defaulted(
    read.list(read.peer, 0, MAX_DENIED, read.same),
    [],
    'Keys or PeerIDs that are never let in, whatever the registry or this file says of them elsewhere.',
    '["02…", "16Uiu2HA…"]',
  ),
  mdns: defaulted(
    read.flag,
    false,
    'Look for other signers on the local network, and be found there, by multicast DNS.',
    'true',
  ),
} as const

/** Reached without an address of one's own. */
export const NAT_ROWS = {
  relay_server: defaulted(read.flag, false, 'Relay between members that have no public address.', 'true'),
  relays: defaulted(
    read.list(read.address('with PeerID', 'dial'), 0, MAX_RELAYS, addressText),
    [],
    'Members with relay_server = true through which this node is reached, as it has no public address.',
    '["/dns4/other.example.org/tcp/4700/p2p/16Uiu2HA…"]',
  ),
  hole_punching: defaulted(
    read.flag,
    false,
    'Replace relayed links by direct ones where an announced address can be dialled (DCUtR).',
    'true',
  ),
} as const
