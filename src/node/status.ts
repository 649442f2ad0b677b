import type { GroupKey, PeerIdStr, PublicKey, SetHash } from '../base/index.ts'
import type { Denial, Eviction, Gate } from '../gating/index.ts'
import { admittedPending } from '../gating/index.ts'
import type { ConnectionInfo } from '../p2p/index.ts'
import type { ReadEvidence, RegistryHealth, RegistryId, Snapshot } from '../registry/index.ts'
import type { RotationStatus } from '../rotation/index.ts'
import type { EvidenceView } from '../rounds/index.ts'
import type { DecisionsView, PolicyKind, ValidatorTrouble } from '../signer/index.ts'
import type { Health } from '../status/index.ts'
import type { CurveView } from './curve-backend.ts'
import type { FreeSpaceView } from './free-space.ts'
import type { ElsewhereView, LivenessView } from './liveness/index.ts'
import { type MemberStatus, memberStatuses } from './member-status.ts'
import type { AuditStatus, OperatorView, S2View, ServiceKeysView } from './operator-view.ts'
import type { RecallView } from './recall-view.ts'
import type { ReloadReport } from './reload/index.ts'
import { type RotationView, viewOfRotation } from './rotation-view.ts'

/**
 * What this node is to the federation: `waiting` stands in no set yet, `removed` no longer does, also after a restart.
 * `pending`: in the set that its operator approved, whether it was in one before or not.
 */
export type NodeState = 'waiting' | 'pending' | 'signer' | 'removed'

/** `GET /status`. Public values only. */
export interface NodeStatus {
  readonly state: NodeState
  readonly publicKey: PublicKey
  readonly peerId: PeerIdStr
  /** The key of `[identity] next_key_file`, which is loaded (R7); null where the config names none. */
  readonly nextKey: NextKeyView | null
  readonly network: string
  readonly contract: string
  readonly addresses: readonly string[]
  readonly admin: { readonly url: string | undefined; readonly observerUrl: string | undefined }
  readonly curve: CurveView
  readonly registry: {
    readonly kind: Snapshot['kind'] | 'unknown'
    readonly stacksHeight: number | null
    readonly burnHeight: number | null
    /** Index block hash at which the set was read. */
    readonly block: string | null
    /** Why it is believed; null where an older version stored it. */
    readonly evidence: ReadEvidence | null
    readonly lastReadAtMs: number | null
    readonly lastFailure: RegistryHealth['lastFailure'] | null
  }
  readonly set: SetView | null
  /** `held`: this node can sign with it. */
  readonly key: { readonly groupKey: GroupKey; readonly held: boolean } | null
  readonly members: readonly MemberStatus[]
  /** R17: members' median clock minus ours; null while too few were heard. */
  readonly clock: { readonly offsetMs: number | null; readonly witnesses: number }
  /** R17: since when another node is known to speak with our key, and its boot number; this node signs nothing then. */
  readonly keyInUseElsewhere: ElsewhereView | null
  readonly rotation: RotationView | null
  /** Replaced sets that this operator recalled (R8). */
  readonly recalled: readonly RecallView[]
  /** What this operator's signing policy lately approved, waits for and refused, and why. Nobody else hears the reasons. */
  readonly policy: PolicyView
  /** What this node can prove, and what is proven against a key of this operator (incident 38). */
  readonly evidence: EvidenceView
  /** The secret-service seed and its memory (R32); null where the config names none. */
  readonly s2: S2View | null
  /** Keys that the key service holds. */
  readonly serviceKeys: ServiceKeysView
  /** How far the log of decisions is (docs/AUDIT.md). */
  readonly audit: AuditStatus
  /** Room for what clients make the node write. */
  readonly disk: FreeSpaceView
  readonly lastEviction: Eviction | null
  /** The last one that changed something, was refused, or found a refused file put right; null before the first. */
  readonly lastReload: ReloadReport | null
  readonly denials: { readonly totals: Readonly<Record<string, number>>; readonly recent: readonly Denial[] }
  readonly health: Health
}

/** The current set as the chain has it, whomever of it this node admits. */
export interface SetView {
  readonly hash: SetHash
  readonly threshold: number
  readonly size: number
  readonly keys: readonly PublicKey[]
  readonly groupKey: GroupKey
}

export interface NextKeyView {
  readonly publicKey: PublicKey
  /** The chain's set as this node last read it names it. */
  readonly onChain: boolean
  /** The pending set that this operator approved names it. */
  readonly approved: boolean
  /** The node lives under it already. */
  readonly inUse: boolean
}

export interface PolicyView extends DecisionsView {
  readonly kind: PolicyKind
  /** Policy `http`: what is wrong with the validator; null while nothing is. */
  readonly validator: ValidatorTrouble | null
}

export interface StatusFacts {
  readonly gate: Gate
  /** This operator's next key, which speaks over this node's links while it is pending. */
  readonly nextKey?: PublicKey | undefined
  /** The same, also once the node lives under it. */
  readonly loadedNextKey?: PublicKey | undefined
  readonly peerId: PeerIdStr
  readonly registryId: RegistryId
  readonly snapshot: Snapshot | undefined
  readonly registryHealth: RegistryHealth
  readonly connections: readonly ConnectionInfo[]
  readonly addresses: readonly string[]
  readonly admin: NodeStatus['admin']
  readonly curve: CurveView
  readonly rotation: RotationStatus | undefined
  readonly recalled: readonly RecallView[]
  readonly evidence: EvidenceView
  readonly keyHeld: boolean
  readonly policy: PolicyView
  readonly operator: OperatorView
  readonly lastEviction: Eviction | undefined
  readonly lastReload: ReloadReport | undefined
  readonly health: Health
  readonly liveness: LivenessView
  readonly keyElsewhere: ElsewhereView | undefined
}

export function stateOf(gate: Gate): NodeState {
  const s = gate.state
  if (s.set?.keys.includes(s.self)) return 'signer'
  if (admittedPending(s)?.keys.includes(s.self)) return 'pending'
  return s.selfRemoved ? 'removed' : 'waiting'
}

const viewOfSet = ({ hash, threshold, keys, groupKey }: Omit<SetView, 'size'>): SetView => ({
  ...{ hash, threshold, size: keys.length, keys, groupKey },
})

function viewOfNextKey({ loadedNextKey: publicKey, gate, rotation }: StatusFacts): NextKeyView | null {
  if (publicKey === undefined) return null
  const { set, self } = gate.state
  return {
    publicKey,
    onChain: set?.keys.includes(publicKey) ?? false,
    approved: rotation?.spec.keys.includes(publicKey) ?? false,
    inUse: publicKey === self,
  }
}

export function nodeStatus(f: StatusFacts): NodeStatus {
  const { set, self } = f.gate.state
  return {
    state: stateOf(f.gate),
    publicKey: self,
    peerId: f.peerId,
    nextKey: viewOfNextKey(f),
    network: f.registryId.network,
    contract: f.registryId.contract,
    addresses: f.addresses,
    admin: f.admin,
    curve: f.curve,
    registry: {
      kind: f.snapshot?.kind ?? 'unknown',
      stacksHeight: f.snapshot?.tip.stacksHeight ?? null,
      burnHeight: f.snapshot?.tip.burnHeight ?? null,
      block: f.snapshot?.tip.indexBlockHash ?? null,
      evidence: f.snapshot?.evidence ?? null,
      lastReadAtMs: f.registryHealth.lastReadAtMs ?? null,
      lastFailure: f.registryHealth.lastFailure ?? null,
    },
    set: set === undefined ? null : viewOfSet(set),
    key: set === undefined ? null : { groupKey: set.groupKey, held: f.keyHeld },
    members: memberStatuses({ ...f, pending: f.rotation?.spec }),
    clock: { offsetMs: f.liveness.clock.offsetMs ?? null, witnesses: f.liveness.clock.witnesses },
    keyInUseElsewhere: f.keyElsewhere ?? null,
    rotation: viewOfRotation(f.rotation),
    recalled: f.recalled,
    policy: f.policy,
    evidence: f.evidence,
    s2: f.operator.s2,
    serviceKeys: f.operator.serviceKeys,
    audit: f.operator.audit,
    disk: f.operator.disk,
    lastEviction: f.lastEviction ?? null,
    lastReload: f.lastReload ?? null,
    denials: { totals: f.gate.denials.totals(), recent: f.gate.denials.recent() },
    health: f.health,
  }
}
