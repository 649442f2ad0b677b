import type { Clock, Logger, Metrics, Outcome, PeerIdStr, PublicKey, SetHash } from '../base/index.ts'
import type { SignerSet, Snapshot } from '../registry/index.ts'
import {
  decideConnection,
  decideStream,
  decideTopic,
  type GateDenial,
  type GateState,
  type PendingSet,
  type RecalledSet,
  type RegistryTrust,
  standingOf,
} from './decide.ts'
import { Denials } from './denials.ts'
import type { Role } from './roles.ts'

/** What this operator's own config says of peers. */
export interface GateLists {
  readonly bridges: readonly PeerIdStr[]
  readonly backups?: readonly PeerIdStr[]
  /** Wins over every role. */
  readonly denied: readonly PeerIdStr[]
}

export interface GateInit extends GateLists {
  readonly self: PublicKey
  /** See GateState. */
  readonly registryScope: SetHash
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
}

const setsOf = ({ bridges, backups, denied }: GateLists): Pick<GateState, 'bridges' | 'backups' | 'denied'> => ({
  bridges: new Set(bridges),
  backups: new Set(backups ?? []),
  denied: new Set(denied),
})

/**
 * Holds the one reference that every decision reads (flow 1 of ARCHITECTURE.md): a snapshot is swapped in first, so that new
 * handshakes meet the new set, and only then are the connections of removed keys closed.
 */
export class Gate {
  #state: GateState
  readonly denials: Denials

  constructor(init: GateInit) {
    this.#state = {
      self: init.self,
      set: undefined,
      pending: undefined,
      recalled: new Map(),
      registryScope: init.registryScope,
      trust: 'fresh',
      ...setsOf(init),
      selfRemoved: false,
    }
    this.denials = new Denials(init)
  }

  get state(): GateState {
    return this.#state
  }

  /**
   * The registry's current set. An `uninitialised` registry has none (R6). `wasEverMember`: what this process can't have seen
   * itself; by no set at all nobody was removed.
   */
  applySnapshot(snapshot: Snapshot, wasEverMember = false): void {
    const set: SignerSet | undefined = snapshot.kind === 'set' ? snapshot.set : undefined
    const wasMember = this.#state.set?.keys.includes(this.#state.self) ?? false
    const isMember = set?.keys.includes(this.#state.self) ?? false
    const wasSeen = wasMember || (wasEverMember && set !== undefined)
    const selfRemoved = !isMember && (wasSeen || this.#state.selfRemoved)
    // R7: a pending set dies with its parent, at once: its members must not outlive the change for even one handshake.
    const pending = set?.hash === this.#state.set?.hash ? this.#state.pending : undefined
    this.#state = { ...this.#state, set, selfRemoved, pending }
  }

  applyPending(pending: PendingSet | undefined): void {
    this.#state = { ...this.#state, pending }
  }

  /** R8: without the operator's word, nothing. */
  applyRecalled(sets: readonly RecalledSet[]): void {
    this.#state = { ...this.#state, recalled: new Map(sets.map((set) => [set.hash, set])) }
  }

  /** R5: the pending set is kept and admits again once the registry is fresh. */
  applyTrust(trust: RegistryTrust): void {
    this.#state = { ...this.#state, trust }
  }

  /** All lists in one swap: no decision is made by one new list beside an old one. */
  applyLists(lists: GateLists): void {
    this.#state = { ...this.#state, ...setsOf(lists) }
  }

  roleOf(peer: PeerIdStr): Role {
    return standingOf(this.#state, peer).role
  }

  // RoleCheck of p2p
  mayConnect(peer: PeerIdStr, direction: 'inbound' | 'outbound'): Outcome<void, GateDenial> {
    return decideConnection(this.#state, peer, direction)
  }
  mayOpenStream(peer: PeerIdStr, protocol: string): Outcome<void, GateDenial> {
    return decideStream(this.#state, peer, protocol)
  }
  mayGossip(peer: PeerIdStr, topic: Parameters<typeof decideTopic>[2]): Outcome<void, GateDenial> {
    return decideTopic(this.#state, peer, topic)
  }
  denied(peer: PeerIdStr | undefined, reason: string, place: string, remoteAddress?: string): void {
    this.denials.note(peer, reason, place, remoteAddress)
  }
}
