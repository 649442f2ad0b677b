import {
  noMetrics,
  type PeerIdStr,
  type PendingId,
  type PublicKey,
  type SetHash,
  silentLogger,
} from '../../src/base/index.ts'
import { Evictor, Gate } from '../../src/gating/index.ts'
import { Membership, trustIn } from '../../src/node/membership.ts'
import type { MeshPeer } from '../../src/p2p/index.ts'
import {
  createRegistryWatcher,
  pendingId,
  registryScope,
  setHash,
  uninitialisedParentHash,
} from '../../src/registry/index.ts'
import { KnownSets } from '../../src/rotation/known-sets.ts'
import { memorySpace } from '../fixtures/space.ts'
import { REGISTRY } from '../unit/registry/support/fixtures.ts'
import { ManualClock, MemoryKeeper } from '../unit/registry/support/ports.ts'
import type { ModelConfig } from './rules.ts'
import { keyOf, PEERS, peerIdOf, stateOf } from './universe.ts'

/** Reads are only made when the run asks for one. */
const NEVER_MS = 1e15
const READ_INTERVAL_MS = 1_000

export interface SystemInit {
  readonly endpoints: number
  readonly quorum: number
  readonly confirmations: number
  readonly maxAgeMs: number
}

const hashes = new Map<string, SetHash>()
/** The name of a set of the universe on the wire. */
export function hashOf(name: string): SetHash {
  const known = hashes.get(name)
  if (known !== undefined) return known
  const { keys, threshold, aggregateKey } = stateOf(name)
  const hex = Buffer.from(aggregateKey).toString('hex') as PublicKey
  const made = setHash(REGISTRY, keys.map(keyOf), threshold, hex)
  hashes.set(name, made)
  return made
}
export const REGISTRY_SCOPE = registryScope(REGISTRY)
const parentHash = (parent: string): SetHash =>
  parent === 'blank' ? uninitialisedParentHash(REGISTRY) : hashOf(parent)
export function idOfPending(parent: string, name: string, attempt: number): PendingId {
  const { keys, threshold } = stateOf(name)
  return pendingId({
    registryId: REGISTRY,
    parentSetHash: parentHash(parent),
    keys: keys.map(keyOf),
    threshold,
    attempt,
  })
}

/** Holds whatever connection the gate lets through, like the p2p host, and closes what it is told to. */
class RecordingHost {
  readonly open: { readonly peerId: PeerIdStr; readonly direction: 'inbound' | 'outbound' }[] = []
  kept: readonly MeshPeer[] = []
  connections() {
    return [...this.open]
  }
  async closePeer(peer: PeerIdStr) {
    const before = this.open.length
    for (let i = before - 1; i >= 0; i--) if (this.open[i]?.peerId === peer) this.open.splice(i, 1)
    return { closedConnections: before - this.open.length }
  }
  keepConnected(peers: readonly MeshPeer[]): void {
    this.kept = peers
  }
}

/** The node's own rooms as `node` wires them: watcher, gate, evictor, membership. Only chain, clock and host are ours. */
export class System {
  readonly clock = new ManualClock()
  readonly keeper = new MemoryKeeper()
  /** Sets that were seen on chain: on disk, as the snapshot is. */
  readonly #sets = memorySpace()
  readonly #c: SystemInit
  #process: ReturnType<typeof newProcess>

  constructor(init: SystemInit, config: ModelConfig) {
    this.#c = init
    this.#process = newProcess(init, config, this.clock, this.keeper)
  }
  get gate(): Gate {
    return this.#process.gate
  }
  get membership(): Membership {
    return this.#process.membership
  }
  get host(): RecordingHost {
    return this.#process.host
  }
  get watcher() {
    return this.#process.watcher
  }

  async start(): Promise<void> {
    const known = await KnownSets.load({ self: keyOf('self'), registryId: REGISTRY, space: this.#sets })
    const { watcher, membership } = this.#process
    watcher.changes.on((snapshot) => {
      membership.applySnapshot(snapshot, known.wasMember())
      if (snapshot.kind === 'set') void known.note({ ...snapshot, seenAtMs: this.clock.now() }, () => false)
    })
    await watcher.start()
  }
  stop(): Promise<void> {
    return this.#process.watcher.stop()
  }
  async restart(config: ModelConfig): Promise<void> {
    await this.stop()
    this.#process = newProcess(this.#c, config, this.clock, this.keeper)
    await this.start()
  }

  /** As the reloader does it: the lists, then the seeds. */
  async reload(config: ModelConfig): Promise<void> {
    await this.membership.applyLists(listsOf(config))
    this.membership.applySeeds([])
  }

  /** One reading of the registry; false if it failed. */
  async read(): Promise<boolean> {
    const reading = this.watcher.readNow()
    this.clock.advance(READ_INTERVAL_MS)
    return await reading.then(
      () => true,
      () => false,
    )
  }

  /** Everybody tries to connect, both ways; the gate's word decides, as at every hook. */
  connectAll(): void {
    for (const { name } of PEERS) {
      const peerId = peerIdOf(name)
      for (const direction of ['inbound', 'outbound'] as const)
        if (
          this.gate.mayConnect(peerId, direction).ok &&
          !this.host.open.some((c) => c.peerId === peerId && c.direction === direction)
        )
          this.host.open.push({ peerId, direction })
    }
  }
}

const listsOf = ({ bridges, backups, denied }: ModelConfig) => ({
  bridges: bridges.map(peerIdOf),
  backups: backups.map(peerIdOf),
  denied: denied.map(peerIdOf),
})

function newProcess(c: SystemInit, config: ModelConfig, clock: ManualClock, keeper: MemoryKeeper) {
  const ports = { clock, logger: silentLogger, metrics: noMetrics }
  const watcher = createRegistryWatcher({
    ...ports,
    registryId: REGISTRY,
    endpoints: Array.from({ length: c.endpoints }, (_, i) => `http://node${i}.test`),
    quorum: c.quorum,
    confirmations: c.confirmations,
    maxAgeMs: c.maxAgeMs,
    pollIntervalMs: NEVER_MS,
    minReadIntervalMs: READ_INTERVAL_MS,
    keeper,
  })
  const gate = new Gate({
    ...ports,
    self: keyOf('self'),
    ...listsOf(config),
    registryScope: REGISTRY_SCOPE,
  })
  const host = new RecordingHost()
  const evictor = new Evictor({ ...ports, gate, close: host })
  const trust = () => trustIn(watcher.stale(), config.onStale)
  const membership = new Membership({ ...ports, self: keyOf('self'), gate, evictor, host, seeds: [], trust })
  return { watcher, gate, host, membership }
}
