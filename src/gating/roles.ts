/**
 * Roles × rights (DESIGN §5). One table, kept total by the compiler; asked at every connection, stream and message.
 */
export const ROLES = ['signer', 'pending', 'bridge', 'none'] as const
export type Role = (typeof ROLES)[number]

/** What a libp2p protocol is for, as far as rights go. */
export const STREAM_KINDS = ['gossip', 'identify', 'ping', 'direct', 'rpc', 'other'] as const
export type StreamKind = (typeof STREAM_KINDS)[number]

export interface Rights {
  readonly connect: { readonly inbound: boolean; readonly outbound: boolean }
  /** Purposes of topics; which set's topic it is, is checked beside (R14). */
  readonly topics: { readonly sign: boolean; readonly keygen: boolean }
  readonly streams: Readonly<Record<StreamKind, boolean>>
}

const NOTHING = { gossip: false, identify: false, ping: false, direct: false, rpc: false, other: false }
const MEMBER = { gossip: true, identify: true, ping: true, direct: true, rpc: false, other: false }

export const RIGHTS: Readonly<Record<Role, Rights>> = {
  signer: { connect: { inbound: true, outbound: true }, topics: { sign: true, keygen: true }, streams: MEMBER },
  pending: { connect: { inbound: true, outbound: true }, topics: { sign: false, keygen: true }, streams: MEMBER },
  // identify is how a libp2p client learns which protocols are spoken here.
  bridge: {
    connect: { inbound: true, outbound: false },
    topics: { sign: false, keygen: false },
    streams: { ...NOTHING, identify: true, ping: true, rpc: true },
  },
  none: { connect: { inbound: false, outbound: false }, topics: { sign: false, keygen: false }, streams: NOTHING },
}

/** Protocol ids by what they are for. Unknown ones are `other`, to which nobody has a right. */
export function streamKindOf(protocol: string): StreamKind {
  if (/^\/(meshsub|floodsub)\//.test(protocol)) return 'gossip'
  if (/^\/ipfs\/id\//.test(protocol)) return 'identify'
  if (/^\/ipfs\/ping\//.test(protocol)) return 'ping'
  if (/^\/countersign\/direct\//.test(protocol)) return 'direct'
  if (/^\/countersign\/rpc\//.test(protocol)) return 'rpc'
  return 'other'
}
