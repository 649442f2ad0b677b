/**
 * Roles × rights (docs/GATING.md). One table, kept total by the compiler; asked at every connection, stream and message.
 */
export const ROLES = ['signer', 'pending', 'retired', 'bridge', 'backup', 'none'] as const
export type Role = (typeof ROLES)[number]

/** What a libp2p protocol is for, as far as rights go. */
export const STREAM_KINDS = [
  'gossip',
  'identify',
  'ping',
  'direct',
  'addresses',
  'relay',
  'backup',
  'rpc',
  'other',
] as const
export type StreamKind = (typeof STREAM_KINDS)[number]

/**
 * Kinds of topics as far as rights go: `sign` is the current set's, `recall` the sign topic of a recalled set, `keygen` the
 * approved pending set's, `liveness` the registry's own. Which set's topic it is, is checked beside (R14).
 */
export const TOPIC_KINDS = ['sign', 'recall', 'keygen', 'liveness'] as const
export type TopicKind = (typeof TOPIC_KINDS)[number]

export interface Rights {
  readonly connect: { readonly inbound: boolean; readonly outbound: boolean }
  readonly topics: Readonly<Record<TopicKind, boolean>>
  readonly streams: Readonly<Record<StreamKind, boolean>>
}

const NO_STREAMS: Rights['streams'] = {
  gossip: false,
  identify: false,
  ping: false,
  direct: false,
  addresses: false,
  relay: false,
  backup: false,
  rpc: false,
  other: false,
}
const NO_TOPICS: Rights['topics'] = { sign: false, recall: false, keygen: false, liveness: false }
// identify is how a libp2p client learns which protocols are spoken here; ping keeps its link honest.
const CLIENT = { ...NO_STREAMS, identify: true, ping: true }
const ROUNDS = { ...CLIENT, gossip: true, direct: true }
const BOTH_WAYS = { inbound: true, outbound: true }
const INBOUND = { inbound: true, outbound: false }

export const RIGHTS: Readonly<Record<Role, Rights>> = {
  signer: {
    connect: BOTH_WAYS,
    topics: { sign: true, recall: true, keygen: true, liveness: true },
    streams: { ...ROUNDS, addresses: true, relay: true },
  },
  // Until the first set stands on chain everybody is pending to everybody, and members must find each other (R6).
  pending: {
    connect: BOTH_WAYS,
    topics: { sign: false, recall: true, keygen: true, liveness: false },
    streams: { ...ROUNDS, addresses: true, relay: true },
  },
  retired: {
    connect: BOTH_WAYS,
    topics: { sign: false, recall: true, keygen: false, liveness: false },
    streams: { ...ROUNDS, relay: true },
  },
  bridge: { connect: INBOUND, topics: NO_TOPICS, streams: { ...CLIENT, rpc: true } },
  backup: { connect: BOTH_WAYS, topics: NO_TOPICS, streams: { ...CLIENT, backup: true } },
  none: { connect: { inbound: false, outbound: false }, topics: NO_TOPICS, streams: NO_STREAMS },
}

/** Protocol ids by what they are for. Unknown ones are `other`, to which nobody has a right. */
export function streamKindOf(protocol: string): StreamKind {
  if (/^\/(meshsub|floodsub)\//.test(protocol)) return 'gossip'
  if (/^\/ipfs\/id\//.test(protocol)) return 'identify'
  if (/^\/ipfs\/ping\//.test(protocol)) return 'ping'
  if (/^\/libp2p\/(circuit\/relay\/|dcutr$)/.test(protocol)) return 'relay'
  if (/^\/countersign\/direct\//.test(protocol)) return 'direct'
  if (/^\/countersign\/addresses\//.test(protocol)) return 'addresses'
  if (/^\/countersign\/backup\//.test(protocol)) return 'backup'
  if (/^\/countersign\/rpc\//.test(protocol)) return 'rpc'
  return 'other'
}
