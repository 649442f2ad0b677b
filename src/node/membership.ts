import { type Clock, describeError, type Logger, type PeerIdStr, type PublicKey } from '../base/index.ts'
import { peerIdOfKey } from '../curve/index.ts'
import {
  admittedPending,
  admittedRecalled,
  type Evictor,
  type Gate,
  type GateLists,
  hasStanding,
  type RecalledSet,
  type RegistryTrust,
} from '../gating/index.ts'
import { canonicalAddress, type MeshPeer, type P2pHost } from '../p2p/index.ts'
import type { Snapshot } from '../registry/index.ts'
import { type PendingSpec, participantsOf } from '../rounds/index.ts'
import type { OnStale, Seed } from './config/index.ts'

export interface MembershipInit {
  readonly self: PublicKey
  /** This operator's next key: it speaks over our own links and is nobody to dial (R7). */
  readonly nextKey?: PublicKey | undefined
  readonly gate: Gate
  readonly evictor: Evictor
  readonly host: Pick<P2pHost, 'keepConnected'>
  readonly seeds: readonly Seed[]
  /** How far the last good snapshot is trusted now (R5). */
  readonly trust: () => RegistryTrust
  readonly clock: Clock
  readonly logger: Logger
}

const TRUST_LOST = {
  frozen: 'The registry is stale: its members stay, pending sets, keygen and rotation are frozen',
  closed: 'The registry is stale: nobody is admitted until it is read again (on_stale = "close")',
} as const

/** R5, as the operator chose. */
export const trustIn = (stale: boolean, onStale: OnStale): RegistryTrust => {
  if (!stale) return 'fresh'
  return onStale === 'close' ? 'closed' : 'frozen'
}

/** Flow 1 of ARCHITECTURE.md: a change of the set or of the pending set goes to the gate, then to the evictor, then to the mesh. */
export class Membership {
  readonly #c: MembershipInit
  #addresses: ReadonlyMap<PeerIdStr, readonly string[]>
  /** Addresses whose owner is not known; only these may be dialled without naming a peer. */
  #bareSeeds: ReadonlySet<string>
  #pending: PendingSpec | undefined
  #hasLeft = false

  constructor(init: MembershipInit) {
    this.#c = init
    this.#addresses = addressesOf(init.seeds)
    this.#bareSeeds = bareSeedsOf(init.seeds)
  }

  /** May this address be dialled although it names no peer? Asked by the connection gater. */
  isSeed(address: string): boolean {
    return this.#bareSeeds.has(address)
  }
  /** Where the config says that members are. Asked by the connection gater. */
  named(): ReadonlyMap<PeerIdStr, readonly string[]> {
    return this.#addresses
  }

  /** `wasEverMember`: this key is known to have been in a set of this registry, also before a restart. */
  applySnapshot(snapshot: Snapshot, wasEverMember = false): void {
    const { gate, logger } = this.#c
    const before = gate.state
    this.#applyTrust()
    gate.applySnapshot(snapshot, wasEverMember)
    const after = gate.state
    // R7: the gate has dropped the pending set with its parent; nobody is dialled for it any more.
    if (after.pending === undefined) this.#pending = undefined
    const removed = (before.set?.keys ?? []).filter((k) => k !== after.self && !after.set?.keys.includes(k))
    logger.info('Signer set applied', {
      kind: snapshot.kind,
      setHash: after.set?.hash,
      removed,
      height: snapshot.tip.stacksHeight,
    })
    if (after.selfRemoved && !before.selfRemoved && !this.#hasLeft)
      logger.warn('This node was removed from the signer set; it serves and publishes nothing more')
    this.#settle(removed.map(peerIdOfKey))
  }

  /**
   * This key is out and another of the same operator takes over (R7): nobody is admitted under it from here on, also
   * not a recalled set's members, whatever recalls and rounds still say while they are being stopped.
   */
  leave(snapshot: Snapshot): void {
    this.applyRecalled([])
    this.applyPending(undefined)
    this.#hasLeft = true
    this.applySnapshot(snapshot)
  }

  /** The gate admits a pending set before anything is said to it, and forgets it before anything else happens. */
  applyPending(spec: PendingSpec | undefined): void {
    if (this.#hasLeft) return
    this.#pending = spec
    this.#applyTrust()
    this.#c.gate.applyPending(spec && { id: spec.id, keys: spec.keys, threshold: spec.threshold })
    this.#settle([])
  }

  /** R8: as with a pending set. Members of a set that is recalled no longer are closed, and their records go. */
  applyRecalled(sets: readonly RecalledSet[]): void {
    if (this.#hasLeft) return
    const { gate, self } = this.#c
    const before = [...gate.state.recalled.values()].flatMap((set) => set.keys)
    this.#applyTrust()
    gate.applyRecalled(sets)
    const left = [...new Set(before)].filter((key) => key !== self).map(peerIdOfKey)
    this.#settle(left.filter((peer) => gate.roleOf(peer) === 'none'))
  }

  /**
   * The operator's lists were reloaded: the gate first, then whoever lost his role by it. Resolves when all those are
   * closed; what new decisions are made by has changed before it returns.
   */
  async applyLists(lists: GateLists): Promise<void> {
    const { gate, evictor, clock } = this.#c
    const before = gate.state
    gate.applyLists(lists)
    await evictor.sweepLists(before, clock.now())
  }

  /** Seeds were reloaded, or who is denied; after `applyLists`. */
  applySeeds(seeds: readonly Seed[]): void {
    this.#addresses = addressesOf(seeds)
    this.#bareSeeds = bareSeedsOf(seeds)
    this.#keepMesh()
  }

  /** Age comes without an event: to be called from time to time. */
  refreshTrust(): void {
    if (this.#applyTrust()) this.#settle([])
  }

  /** Before what it bears on, so that no decision is made by an old snapshot as if it were fresh. True if it changed. */
  #applyTrust(): boolean {
    const { gate, logger } = this.#c
    const trust = this.#c.trust()
    if (trust === gate.state.trust) return false
    gate.applyTrust(trust)
    if (trust === 'fresh') logger.info('The registry is fresh again')
    else logger.warn(TRUST_LOST[trust])
    return true
  }

  #settle(removed: readonly PeerIdStr[]): void {
    const { evictor, clock, logger } = this.#c
    const appliedAtMs = clock.now()
    evictor
      .sweep(removed, appliedAtMs)
      .catch((error: unknown) => logger.error('Eviction failed', { error: describeError(error) }))
    this.#keepMesh()
  }

  #keepMesh(): void {
    const { gate, host, self, nextKey } = this.#c
    const wanted = hasStanding(gate.state)
      ? new Set([
          ...(gate.state.set?.keys ?? []),
          ...(this.#pending === undefined || admittedPending(gate.state) === undefined
            ? []
            : participantsOf(this.#pending)),
          ...admittedRecalled(gate.state).flatMap((set) => set.keys),
        ])
      : new Set<PublicKey>()
    wanted.delete(self)
    if (nextKey !== undefined) wanted.delete(nextKey)
    host.keepConnected(
      [...wanted]
        .map(peerIdOfKey)
        // Not those denied; and of the current set none, while only a recalled set gives this node something to do.
        .filter((peerId) => gate.mayConnect(peerId, 'outbound').ok)
        .map((peerId): MeshPeer => ({ peerId, addresses: this.#addresses.get(peerId) ?? [] })),
      // Without standing there is nobody to look for.
      hasStanding(gate.state) ? [...this.#bareSeeds] : [],
    )
  }
}

function addressesOf(seeds: readonly Seed[]): ReadonlyMap<PeerIdStr, readonly string[]> {
  const byPeer = new Map<PeerIdStr, string[]>()
  for (const { peerId, address } of seeds)
    if (peerId !== undefined) byPeer.set(peerId, [...(byPeer.get(peerId) ?? []), address])
  return byPeer
}

const bareSeedsOf = (seeds: readonly Seed[]): ReadonlySet<string> =>
  new Set(seeds.filter((s) => s.peerId === undefined).map((s) => canonicalAddress(s.address)))
