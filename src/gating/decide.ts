import type { PeerIdStr, PendingId, PublicKey, SetHash } from '../base/index.ts'
import { accept, type Outcome, refuse } from '../base/index.ts'
import { keyOfPeerId } from '../curve/index.ts'
import type { SignerSet } from '../registry/index.ts'
import { RIGHTS, type Role, streamKindOf } from './roles.ts'

/** A pending set that this operator approved (R7), with everyone who has a part in it. */
export interface PendingSet {
  readonly id: PendingId
  readonly keys: readonly PublicKey[]
  readonly threshold: number
}

/**
 * How far the last good snapshot is trusted (R5). `frozen`: too old to widen trust by, its members stay members.
 * `closed`: too old, and the operator chose to admit nobody by it.
 */
export type RegistryTrust = 'fresh' | 'frozen' | 'closed'

/** Everything a decision depends on; replaced as a whole, never changed in place. */
export interface GateState {
  readonly self: PublicKey
  /** The current set, if the registry holds one. */
  readonly set: SignerSet | undefined
  /** The approved pending set, if there is one. */
  readonly pending: PendingSet | undefined
  readonly trust: RegistryTrust
  readonly bridges: ReadonlySet<PeerIdStr>
  /** Whom this operator refuses, whatever else they are (`[p2p] deny`). */
  readonly denied: ReadonlySet<PeerIdStr>
  /** Our own key was in a set and no longer is: nobody is served any more. */
  readonly selfRemoved: boolean
}

/** Why a decision was negative; the labels of the denial counters. */
export type GateDenial =
  | 'not_in_registry'
  | 'not_this_node_bridge'
  | 'wrong_direction'
  | 'not_a_secp256k1_key'
  | 'no_right_to_protocol'
  | 'no_right_to_topic'
  | 'self_removed'
  | 'not_ready'
  | 'denied_by_operator'
  | 'registry_stale'

export interface Standing {
  readonly role: Role
  /** Set when the role is `none`. */
  readonly denial: GateDenial
}

const has = (keys: readonly PublicKey[] | undefined, key: PublicKey): boolean => keys?.includes(key) ?? false

/** The pending set that admits anyone now: it widens trust, which an old snapshot can't do (R5). */
export const admittedPending = (s: GateState): PendingSet | undefined => (s.trust === 'fresh' ? s.pending : undefined)

/** True while this node has anything to do with other signers: it stands in the set, or in a pending set it approved. */
export const hasStanding = (s: GateState): boolean =>
  s.trust !== 'closed' && (has(s.set?.keys, s.self) || has(admittedPending(s)?.keys, s.self))

/** The role of an authenticated peer. A signer's PeerID is derived from its key, so the key is read back from the PeerID. */
export function standingOf(s: GateState, peer: PeerIdStr): Standing {
  const none = (denial: GateDenial): Standing => ({ role: 'none', denial })
  // First, so that it wins over every role, of the chain's or of this config's.
  if (s.denied.has(peer)) return none('denied_by_operator')
  if (s.trust === 'closed') return none('registry_stale')
  const pending = admittedPending(s)
  // Removed, but wanted back by a pending set: that set may be made like any other's, and nothing else goes on.
  if (s.selfRemoved && (s.bridges.has(peer) || !has(pending?.keys, s.self))) return none('self_removed')
  if (s.bridges.has(peer)) return { role: 'bridge', denial: 'no_right_to_protocol' }
  const key = keyOfPeerId(peer)
  if (key === undefined) return none('not_a_secp256k1_key')
  if (!hasStanding(s)) return none('not_ready')
  // The set's members are signers to each other; to a node outside it they are the others of its pending set.
  if (has(s.set?.keys, key))
    return { role: has(s.set?.keys, s.self) ? 'signer' : 'pending', denial: 'no_right_to_protocol' }
  if (has(pending?.keys, key)) return { role: 'pending', denial: 'no_right_to_protocol' }
  return none('not_in_registry')
}

export function decideConnection(
  s: GateState,
  peer: PeerIdStr,
  direction: 'inbound' | 'outbound',
): Outcome<void, GateDenial> {
  const { role, denial } = standingOf(s, peer)
  if (role === 'none') return refuse(denial)
  return RIGHTS[role].connect[direction] ? accept(undefined) : refuse('wrong_direction')
}

export function decideStream(s: GateState, peer: PeerIdStr, protocol: string): Outcome<void, GateDenial> {
  const { role, denial } = standingOf(s, peer)
  if (role === 'none') return refuse(denial)
  return RIGHTS[role].streams[streamKindOf(protocol)] ? accept(undefined) : refuse('no_right_to_protocol')
}

/** A topic is a right of a role *and* of one set: the sign topic of the current set, the keygen topic of the approved pending set. */
export function decideTopic(
  s: GateState,
  peer: PeerIdStr,
  topic: { readonly scope: SetHash | PendingId; readonly purpose: 'sign' | 'keygen' },
): Outcome<void, GateDenial> {
  const { role, denial } = standingOf(s, peer)
  if (role === 'none') return refuse(denial)
  const scope: string | undefined = topic.purpose === 'sign' ? s.set?.hash : admittedPending(s)?.id
  return RIGHTS[role].topics[topic.purpose] && scope === topic.scope ? accept(undefined) : refuse('no_right_to_topic')
}
