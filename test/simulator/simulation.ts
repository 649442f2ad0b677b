import { Emitter, type PeerIdStr, type PublicKey, toHex, u32be, utf8 } from '../../src/base/index.ts'
import { KeyPair, sha256 } from '../../src/curve/index.ts'
import { libp2pRecordCodec } from '../../src/p2p/addresses/libp2p-record.ts'
import { principalOf } from '../../src/registry/index.ts'
import type { PolicyKind } from '../../src/signer/index.ts'
import type { Space } from '../../src/store/index.ts'
import { memorySpace } from '../fixtures/space.ts'
import { MemoryVault } from '../fixtures/vault.ts'
import { complaintsTo } from './complaints.ts'
import { DEALT_TRANSCRIPT, type DealtSet, dealtSet } from './dealt.ts'
import { Internet, type Machine } from './internet.ts'
import { type Disk, type Mouth, SimulatedProcess } from './process.ts'
import { type Random, secretOf, seededRandom, seedProcess } from './random.ts'
import { registryId, ScriptedRegistry, setOf } from './registry.ts'
import { Trace } from './trace.ts'
import { type KnownRecords, rememberRecords, rememberVerifications } from './verify-cache.ts'
import { VirtualClock } from './virtual-clock.ts'
import { type Faults, type Place, Weather } from './weather.ts'

export interface SimulationInit {
  /** All that happens follows from it. */
  readonly seed: string
  readonly size: number
  readonly threshold: number
  /** So many nodes, the first ones, stand in the dealt set; the others wait to be approved. All, unless said. */
  readonly members?: number
  /**
   * `dealt`: the set stands on chain and everybody holds a share of a dealer's key. `bootstrap`: the registry is
   * uninitialised, and the first thing that the nodes do is keygen (R6).
   */
  readonly begin?: 'dealt' | 'bootstrap'
  /** Whose addresses stand in a node's config; all, unless said. */
  readonly knows?: (node: number) => readonly number[]
  /** Seeds in the configs end with their `/p2p/<PeerID>`; they do, unless said. */
  readonly seedsNamePeers?: boolean
  readonly faults?: Faults
  /** Clocks differ from the true time by up to this much, either way. */
  readonly skewMs?: number
  /** Snapshots reach nodes up to this late. */
  readonly registryLateMs?: number
  readonly policy?: PolicyKind
  /** To how many peers a member passes on what another one gossips; to all, unless said. */
  readonly gossipDegree?: number
  /** What stands between the sign rounds of a member and the network; nothing, unless said. */
  readonly mouth?: (member: PublicKey) => Mouth
  /** Told of every process before it starts. */
  readonly onBoot?: (node: SimulatedNode, process: SimulatedProcess) => void
}

/** One machine with its disk, and the process on it while it runs. */
export interface SimulatedNode {
  readonly index: number
  readonly place: Place
  readonly peerId: PeerIdStr
  readonly publicKey: PublicKey
  /** Where its process listens from its next start on; configs of others keep the one of the beginning. */
  address: string
  readonly disk: Disk
  process: SimulatedProcess | undefined
}

const addressOf = (index: number): string => `/ip4/10.0.0.${index + 1}/tcp/4001`

/** What a node logs of itself when it is shown a proof against it. */
const ACCUSED = 'THIS NODE IS ACCUSED'

/** A federation under a virtual clock. Make one with `simulate`, and close it: it holds the process's randomness. */
export class Simulation {
  readonly clock = new VirtualClock()
  readonly trace = new Trace(() => this.clock.now())
  readonly random: Random
  readonly weather: Weather
  readonly registry: ScriptedRegistry
  readonly nodes: readonly SimulatedNode[]
  /**
   * What a node's machines are about to do, and what they have done without knowing it yet: `wrote SPACE` and `sent`. Whoever
   * listens may crash the node there.
   */
  readonly steps = new Emitter<{ readonly node: SimulatedNode; readonly step: string }>(rethrow)
  /** What nodes logged as errors. */
  readonly complaints: string[] = []
  /** Nodes that a scenario makes cheat: that each is told of it is as it should be. */
  readonly cheats = new Set<SimulatedNode>()
  readonly #init: SimulationInit
  readonly #internet: Internet
  readonly #machines: readonly Machine[]
  readonly #records: KnownRecords = { peeked: new Map(), decoded: new Map() }
  readonly #undo: readonly (() => void)[]
  readonly #cpuAtStart = process.cpuUsage()

  constructor(init: SimulationInit) {
    this.#init = init
    this.random = seededRandom(init.seed)
    const dealt = init.begin === 'bootstrap' ? undefined : dealtSet(init.threshold, init.members ?? init.size)
    this.#undo = [seedProcess(this.random.fork('crypto')), rememberVerifications()]
    this.weather = new Weather(this.random.fork('weather'))
    if (init.faults !== undefined) this.weather.all = init.faults
    this.#internet = new Internet({ clock: this.clock, weather: this.weather, trace: this.trace })
    this.#machines = Array.from({ length: init.size }, (_, i) => ({
      place: `n${i}`,
      ip: `10.0.0.${i + 1}`,
      process: undefined,
      isOn: true,
    }))
    const founded = dealt === undefined ? this.#found() : this.#deal(dealt)
    this.registry = founded.registry
    this.nodes = founded.disks.map((disk, index) => ({
      index,
      place: `n${index}`,
      peerId: disk.key.peerId,
      publicKey: disk.key.publicKey,
      address: addressOf(index),
      disk,
      process: undefined,
    }))
  }

  /** Starts the process of each node, or of those named; at slightly different times. */
  async start(nodes: readonly SimulatedNode[] = this.nodes): Promise<void> {
    const started = nodes.map(async (node) => {
      await this.clock.pause(this.random.between(1, 500))
      await this.boot(node)
    })
    await this.clock.settled('nodes start', 1_000, Promise.all(started))
  }

  /** kill −9, or the power goes: then the machine answers nothing until it is started again. */
  async crash(node: SimulatedNode, how: 'process' | 'machine' = 'process'): Promise<void> {
    const { process } = node
    const machine = this.#machine(node)
    node.process = undefined
    if (how === 'machine') machine.isOn = false
    await process?.kill(how)
    this.trace.note(`${node.place} crashed: ${how}`)
  }

  node(index: number): SimulatedNode {
    const node = this.nodes[index]
    if (node === undefined) throw new RangeError(`no node ${index}`)
    return node
  }
  /** The process of a node that must be running. */
  process(index: number): SimulatedProcess {
    const { process } = this.node(index)
    if (process === undefined) throw new Error(`n${index} does not run`)
    return process
  }
  running(): readonly SimulatedNode[] {
    return this.nodes.filter((n) => n.process !== undefined)
  }

  /** Each of the nodes has a link to every other of them. */
  isMeshed(nodes: readonly SimulatedNode[] = this.running()): boolean {
    return nodes.every((node) => {
      const linked = new Set(node.process?.host.connections().map((c) => c.peerId))
      return nodes.every((other) => other === node || linked.has(other.peerId))
    })
  }
  linksOf(node: SimulatedNode): ReadonlySet<PeerIdStr> {
    return new Set(node.process?.host.connections().map((c) => c.peerId))
  }

  /** A request id, and a digest to sign under it, by name. */
  request(name: string): { readonly id: string; readonly digest: Uint8Array } {
    return { id: toHex(utf8(name)), digest: sha256(utf8(name)) }
  }

  /** In processor time, so that it says something on a busy machine, too. */
  cost(): string {
    const { user, system } = process.cpuUsage(this.#cpuAtStart)
    const seconds = (user + system) / 1_000_000
    const virtual = (this.clock.now() - Date.UTC(2026, 0, 1)) / 1_000
    return `seed ${this.#init.seed}: ${seconds.toFixed(2)} s of CPU for ${virtual.toFixed(0)} s of virtual time, ${this.clock.fired} timers, ${this.trace.length} events`
  }

  async close(): Promise<void> {
    for (const node of this.nodes) await this.crash(node)
    for (const undo of this.#undo) undo()
  }

  /** Starts one node, in the time that already runs: for what happens inside a scenario. */
  async boot(node: SimulatedNode): Promise<void> {
    const { clock, trace, registry } = this
    const machine = this.#machine(node)
    machine.isOn = true
    const { skewMs = 0, policy = 'auto', mouth = () => (messenger) => messenger } = this.#init
    const random = this.random.fork(`${node.place} at ${clock.now()}`)
    const onStep = (step: string) => this.steps.emit({ node, step })
    const process = await SimulatedProcess.boot({
      ...{ clock, trace, registry, machine, random, policy, internet: this.#internet },
      gossipDegree: this.#init.gossipDegree,
      address: node.address,
      codec: rememberRecords(libp2pRecordCodec(node.disk.key), this.#records),
      disk: node.disk,
      mouth: mouth(node.publicKey),
      skewMs: Math.trunc(random.between(-skewMs, skewMs)),
      logger: complaintsTo((line) => this.#complain(node, line), onStep),
      onStep,
      seeds: this.#seedsOf(node),
      bootstrap: this.#bootstrap(),
    })
    node.process = process
    this.#init.onBoot?.(node, process)
    await process.start()
  }

  #machine({ index }: SimulatedNode): Machine {
    const machine = this.#machines[index]
    if (machine === undefined) throw new RangeError(`no machine ${index}`)
    return machine
  }

  #seedsOf({ index }: SimulatedNode): readonly string[] {
    const { knows, seedsNamePeers = true } = this.#init
    return this.nodes
      .filter((n) => n.index !== index && (knows === undefined || knows(index).includes(n.index)))
      .map((n) => `${addressOf(n.index)}${seedsNamePeers ? `/p2p/${n.peerId}` : ''}`)
  }

  #bootstrap() {
    if (this.#init.begin !== 'bootstrap') return undefined
    return { keys: this.nodes.map((n) => n.publicKey).toSorted(), threshold: this.#init.threshold }
  }

  #found(): { readonly registry: ScriptedRegistry; readonly disks: readonly Disk[] } {
    const { size, threshold } = this.#init
    const secrets = this.random.fork('keys')
    const keys = Array.from({ length: size }, () => KeyPair.fromSecret(secretOf(secrets)))
    const sorted = keys.map((k) => k.publicKey).toSorted()
    const deployer = principalOf(registryId.chainId, sorted, threshold)
    return { registry: new ScriptedRegistry(this.clock, { deployer }), disks: keys.map((k) => this.#disk(k)) }
  }

  #complain(node: SimulatedNode, line: string): void {
    const isDue = this.cheats.has(node) && line.includes(ACCUSED)
    if (!isDue) this.complaints.push(`${node.place} ${line}`)
  }

  #deal({ dealt, certificate }: DealtSet): { readonly registry: ScriptedRegistry; readonly disks: readonly Disk[] } {
    const { size, threshold } = this.#init
    const pairs = Array.from({ length: size }, (_, i) => KeyPair.fromSecret(sha256(u32be(i + 1))))
    const aggregateKey = `02${dealt.public.groupKey}` as PublicKey
    const registry = new ScriptedRegistry(this.clock, { set: setOf(dealt.members, threshold, aggregateKey) })
    const transcript = DEALT_TRANSCRIPT
    const disks = pairs.map((key) => {
      const disk = this.#disk(key)
      const share = dealt.keys.get(key.publicKey)
      if (share === undefined) return disk
      disk.vault.shares.set(transcript, { transcript, epoch: 0, key: share, certificate })
      return disk
    })
    return { registry, disks }
  }

  #disk(key: KeyPair): Disk {
    const { registryLateMs = 500 } = this.#init
    const spaces = new Map<string, Space>()
    return {
      key,
      vault: new MemoryVault(),
      evidence: { payloads: [] },
      registry: { lateMs: this.random.between(1, registryLateMs), outageSinceMs: undefined, stored: undefined },
      space: (name) => {
        const space = spaces.get(name) ?? memorySpace()
        spaces.set(name, space)
        return space
      },
    }
  }
}

/** Starts a federation, runs a scenario in it, and closes it whatever happens. Resolves with the trace's hash. Throws if any node logged an error. */
export async function simulate(
  init: SimulationInit,
  scenario: (sim: Simulation) => Promise<void>,
): Promise<{ readonly hash: string; readonly cost: string }> {
  const sim = new Simulation(init)
  try {
    await sim.start()
    await scenario(sim)
    if (sim.complaints.length > 0) throw new Error(`a node complained: ${sim.complaints.slice(0, 5).join('; ')}`)
    return { hash: sim.trace.hash(), cost: sim.cost() }
  } finally {
    await sim.close()
  }
}

function rethrow(error: unknown): never {
  throw error
}
