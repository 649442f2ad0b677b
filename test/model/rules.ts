/**
 * The reference model of the gate (R5–R9, docs/GATING.md): who may do what. Slow and plain on purpose, and
 * written from the rules: it imports nothing of the rooms it judges (`test/unit/model/model.test.ts` reads its imports).
 */

/** A signer set by its name; keys are names too. `blank` is the registry before its first set. */
export interface ModelSet {
  readonly name: string
  readonly keys: readonly string[]
}

export interface ModelPeer {
  readonly name: string
  /** False: an identity that can't be a signer's, as an Ed25519 one. */
  readonly isSecp256k1: boolean
}

/** What this operator's config says. */
export interface ModelConfig {
  readonly bridges: readonly string[]
  readonly backups: readonly string[]
  readonly denied: readonly string[]
  readonly onStale: 'freeze' | 'close'
}

export interface ModelPending {
  readonly id: string
  readonly keys: readonly string[]
}

export interface ModelFacts extends ModelConfig {
  readonly self: string
  /** The set that is applied; undefined while there is none. */
  readonly set: ModelSet | undefined
  readonly stale: boolean
  readonly selfRemoved: boolean
  readonly pending: ModelPending | undefined
  readonly recalled: readonly ModelSet[]
}

export type ModelRole = 'signer' | 'pending' | 'retired' | 'bridge' | 'backup'
type Denial =
  | 'denied_by_operator'
  | 'registry_stale'
  | 'self_removed'
  | 'not_a_secp256k1_key'
  | 'not_ready'
  | 'not_in_registry'

/** The table of docs/GATING.md, once more by hand. */
const MAY: Readonly<
  Record<ModelRole, { readonly dialled: boolean; readonly topics: string; readonly streams: string }>
> = {
  signer: {
    dialled: true,
    topics: 'sign recall keygen liveness',
    streams: 'gossip identify ping direct addresses relay',
  },
  pending: { dialled: true, topics: 'recall keygen', streams: 'gossip identify ping direct addresses relay' },
  retired: { dialled: true, topics: 'recall', streams: 'gossip identify ping direct relay' },
  bridge: { dialled: false, topics: '', streams: 'identify ping rpc' },
  backup: { dialled: true, topics: '', streams: 'identify ping backup' },
}
const lists = (words: string, word: string): boolean => words.split(' ').includes(word)

/** The role of a peer, or why it has none: the steps of docs/GATING.md in their order, the first that fits. */
export function roleOf(f: ModelFacts, peer: ModelPeer): ModelRole | Denial {
  // R5, R8: what widens trust rests on a fresh registry; and only a set that this node was in itself can be recalled.
  const pending = f.stale ? undefined : f.pending
  const recalled = f.stale ? [] : f.recalled.filter((set) => set.keys.includes(f.self))
  const inSet = f.set?.keys.includes(f.self) ?? false
  const inPending = pending?.keys.includes(f.self) ?? false

  if (f.denied.includes(peer.name)) return 'denied_by_operator'
  if (f.stale && f.onStale === 'close') return 'registry_stale'
  if (f.selfRemoved) {
    const isOwnService = f.bridges.includes(peer.name) || f.backups.includes(peer.name)
    const forPending = inPending && !isOwnService
    const forRecalled = recalled.length > 0 && !f.backups.includes(peer.name)
    if (!forPending && !forRecalled) return 'self_removed'
  }
  if (f.bridges.includes(peer.name)) return 'bridge'
  if (f.backups.includes(peer.name)) return 'backup'
  if (!peer.isSecp256k1) return 'not_a_secp256k1_key'
  if (!inSet && !inPending && recalled.length === 0) return 'not_ready'
  const peerInSet = f.set?.keys.includes(peer.name) ?? false
  if (inSet && peerInSet) return 'signer'
  if (pending?.keys.includes(peer.name)) return 'pending'
  // To a node of the pending set that is not a member yet, the members are the others who must co-sign.
  if (inPending && peerInSet) return 'pending'
  for (const set of recalled) if (set.keys.includes(peer.name)) return 'retired'
  return 'not_in_registry'
}

const isRole = (role: ModelRole | Denial): role is ModelRole => Object.hasOwn(MAY, role)

/** `ok`, or the reason. */
export function mayConnect(f: ModelFacts, peer: ModelPeer, direction: 'inbound' | 'outbound'): string {
  const role = roleOf(f, peer)
  if (!isRole(role)) return role
  return direction === 'inbound' || MAY[role].dialled ? 'ok' : 'wrong_direction'
}

export function mayOpen(f: ModelFacts, peer: ModelPeer, kind: string): string {
  const role = roleOf(f, peer)
  if (!isRole(role)) return role
  return lists(MAY[role].streams, kind) ? 'ok' : 'no_right_to_protocol'
}

/** `scope` names a set, a pending id, or the registry itself (`liveness`). */
export function mayGossip(
  f: ModelFacts,
  peer: ModelPeer,
  purpose: 'sign' | 'keygen' | 'liveness',
  scope: string,
): string {
  const role = roleOf(f, peer)
  if (!isRole(role)) return role
  const no = 'no_right_to_topic'
  // Whoever is a signer by some snapshot may rightly be in topics of sets that this node doesn't know.
  const another = role === 'bridge' || role === 'backup' ? no : 'topic_of_another_set'
  const inSet = f.set?.keys.includes(peer.name) ?? false
  if (purpose === 'liveness') {
    if (scope !== 'registry') return no
    if (lists(MAY[role].topics, 'liveness')) return 'ok'
    return inSet || role === 'pending' ? another : no
  }
  if (purpose === 'keygen') {
    if (f.stale || f.pending?.id !== scope) return another
    return lists(MAY[role].topics, 'keygen') ? 'ok' : no
  }
  if (f.set?.name === scope) return lists(MAY[role].topics, 'sign') ? 'ok' : inSet ? another : no
  const recalled = f.stale ? undefined : f.recalled.find((set) => set.name === scope)
  // R8: the topic of a recalled set is for those who were in it, and this node is one of them or has no such topic.
  if (recalled === undefined || !recalled.keys.includes(f.self)) return another
  return recalled.keys.includes(peer.name) && lists(MAY[role].topics, 'recall') ? 'ok' : no
}

/** Whom the mesh dials for ever: everyone of a set that goes on here and that may be dialled. */
export function wantedPeers(f: ModelFacts, peers: readonly ModelPeer[]): string[] {
  const pending = f.stale ? undefined : f.pending
  const recalled = f.stale ? [] : f.recalled.filter((set) => set.keys.includes(f.self))
  const ours = [f.set, pending, ...recalled].filter((set) => set !== undefined)
  if (!ours.some((set) => set.keys.includes(f.self))) return []
  const isNamed = (name: string) => name !== f.self && ours.some((set) => set.keys.includes(name))
  return peers.filter((p) => isNamed(p.name) && mayConnect(f, p, 'outbound') === 'ok').map((p) => p.name)
}
