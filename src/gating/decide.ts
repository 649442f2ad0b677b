import type { PeerIdStr, PendingId, PublicKey, SetHash } from '../base/index.ts'
import { accept, type Outcome, refuse } from '../base/index.ts'
import type { SignerSet } from '../registry/index.ts'
import { hasPeer, isSignerPeerId } from './peers.ts'
import { RIGHTS, type Role, streamKindOf, type TopicKind } from './roles.ts'

/** A pending set that this operator approved (R7), with everyone who has a part in it. */
export interface PendingSet {
  readonly id: PendingId
  readonly keys: readonly PublicKey[]
  readonly threshold: number
}

/** A replaced set whose members this operator wants back to sign with its old key (R8). */
export interface RecalledSet {
  readonly hash: SetHash
  readonly keys: readonly PublicKey[]
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
  /** Replaced sets that this operator recalled. */
  readonly recalled: ReadonlyMap<SetHash, RecalledSet>
  /** Names the registry itself, whatever set it holds: the scope of the liveness topic. */
  readonly registryScope: SetHash
  readonly trust: RegistryTrust
  readonly bridges: ReadonlySet<PeerIdStr>
  /** This operator's backup services. */
  readonly backups: ReadonlySet<PeerIdStr>
  /** Whom this operator refuses, whatever else they are (`[p2p] deny`). */
  readonly denied: ReadonlySet<PeerIdStr>
  /** Our own key was in a set and no longer is: nobody is served any more. */
  readonly selfRemoved: boolean
}

/** Why a decision was negative; the labels of the denial counters. */
export type GateDenial =
  | 'not_in_registry'
  | 'wrong_direction'
  | 'not_a_secp256k1_key'
  | 'no_right_to_protocol'
  | 'no_right_to_topic'
  | 'topic_of_another_set'
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

/** Recalled sets that this node was in itself; to recall one widens trust as well (R5). */
export const admittedRecalled = (s: GateState): readonly RecalledSet[] =>
  s.trust === 'fresh' ? [...s.recalled.values()].filter((set) => has(set.keys, s.self)) : []

/** True while this node has anything to do with other signers: it stands in the set, or in one it approved or recalled. */
export const hasStanding = (s: GateState): boolean =>
  s.trust !== 'closed' &&
  (has(s.set?.keys, s.self) || has(admittedPending(s)?.keys, s.self) || admittedRecalled(s).length > 0)

/** The role of an authenticated peer. A signer's PeerID is derived from its key. */
export function standingOf(s: GateState, peer: PeerIdStr): Standing {
  const none = (denial: GateDenial): Standing => ({ role: 'none', denial })
  const role = (role: Exclude<Role, 'none'>): Standing => ({ role, denial: 'no_right_to_protocol' })
  // First, so that it wins over every role, of the chain's or of this config's.
  if (s.denied.has(peer)) return none('denied_by_operator')
  if (s.trust === 'closed') return none('registry_stale')
  if (s.selfRemoved && !isWantedBack(s, peer)) return none('self_removed')
  if (s.bridges.has(peer)) return role('bridge')
  if (s.backups.has(peer)) return role('backup')
  if (!isSignerPeerId(peer)) return none('not_a_secp256k1_key')
  if (!hasStanding(s)) return none('not_ready')
  const pending = admittedPending(s)
  if (has(s.set?.keys, s.self) && hasPeer(s.set?.keys, peer)) return role('signer')
  // To a node outside the set, the set's members are the others of its pending set.
  if (hasPeer(pending?.keys, peer) || (has(pending?.keys, s.self) && hasPeer(s.set?.keys, peer))) return role('pending')
  if (admittedRecalled(s).some((set) => hasPeer(set.keys, peer))) return role('retired')
  return none('not_in_registry')
}

/**
 * A removed node serves nobody, unless a pending or a recalled set wants it: with its members that goes on. A recalled set's key
 * is signed with on the word of this operator's own bridge (R27), which must be heard for it, and is for nothing else (R9).
 */
function isWantedBack(s: GateState, peer: PeerIdStr): boolean {
  const isRecalled = admittedRecalled(s).length > 0
  if (s.backups.has(peer)) return false
  return isRecalled || (has(admittedPending(s)?.keys, s.self) && !s.bridges.has(peer))
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

export interface TopicOfSet {
  readonly scope: SetHash | PendingId
  readonly purpose: 'sign' | 'keygen' | 'liveness'
}

/** A topic is a right of a role *and* of one set; of a recalled set's, also of its own members only. */
export function decideTopic(s: GateState, peer: PeerIdStr, topic: TopicOfSet): Outcome<void, GateDenial> {
  const { role, denial } = standingOf(s, peer)
  if (role === 'none') return refuse(denial)
  const kind = topicKindOf(s, peer, topic)
  if (kind !== undefined && RIGHTS[role].topics[kind]) return accept(undefined)
  return refuse(isRightElsewhere(s, peer, role, topic) ? 'topic_of_another_set' : 'no_right_to_topic')
}

/**
 * Nodes don't see a rotation in the same instant, and each speaks in the topics that *it* has. A topic that this node doesn't
 * know, or no longer, may be its peer's right by the peer's own snapshot and approvals: refused, but no sign of anything.
 */
function isRightElsewhere(s: GateState, peer: PeerIdStr, role: Role, { scope, purpose }: TopicOfSet): boolean {
  // Who is no signer by any snapshot has no topic by any (R15).
  if (!Object.values(RIGHTS[role].topics).some(Boolean)) return false
  // To a node outside of it, members of the current set are others than they are to themselves.
  const isMember = hasPeer(s.set?.keys, peer)
  switch (purpose) {
    case 'keygen':
      return admittedPending(s)?.id !== scope
    case 'liveness':
      return s.registryScope === scope && (isMember || role === 'pending')
    case 'sign':
      // Who is in a set is fixed by its hash: of a set that is known here, only its own members can have the topic.
      return s.set?.hash === scope ? isMember : !admittedRecalled(s).some((set) => set.hash === scope)
  }
}

/** Undefined: the topic of a set that this node has nothing, or no longer anything, to do with. */
function topicKindOf(s: GateState, peer: PeerIdStr, { scope, purpose }: TopicOfSet): TopicKind | undefined {
  const is = (own: string | undefined, kind: TopicKind) => (own === scope ? kind : undefined)
  switch (purpose) {
    case 'keygen':
      return is(admittedPending(s)?.id, 'keygen')
    case 'liveness':
      return is(s.registryScope, 'liveness')
    case 'sign': {
      if (s.set?.hash === scope) return 'sign'
      const recalled = admittedRecalled(s).find((set) => set.hash === scope)
      return hasPeer(recalled?.keys, peer) ? 'recall' : undefined
    }
  }
}
