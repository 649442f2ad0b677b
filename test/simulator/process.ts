import type { Clock, Logger } from '../../src/base/index.ts'
import type { KeyPair } from '../../src/curve/index.ts'
import { activeShare } from '../../src/node/active-key.ts'
import { type NodeConfig, parseConfig } from '../../src/node/config/index.ts'
import { type EvidenceParts, evidenceIn } from '../../src/node/evidence-parts.ts'
import { createNetwork, type NetworkParts } from '../../src/node/network-parts.ts'
import { stateOf } from '../../src/node/status.ts'
import type { AddressKeeper, Messenger } from '../../src/p2p/index.ts'
import { type Bootstrap, RotationReconciler } from '../../src/rotation/index.ts'
import { CertificateHelp, openPendingSession, SignDriver } from '../../src/rounds/index.ts'
import {
  createPolicy,
  type PolicyKind,
  requestBindings,
  type SignItem,
  type SignResult,
  type StoppableThresholdService,
  thresholdService,
} from '../../src/signer/index.ts'
import { PromMetrics } from '../../src/status/index.ts'
import { nextBoot, type Space } from '../../src/store/index.ts'
import type { MemoryVault } from '../fixtures/vault.ts'
import { type EvidenceLines, journalOf } from './evidence-lines.ts'
import { type Carrier, VirtualHost } from './host.ts'
import { mortalSpace, mortalTx, mortalVault } from './mortal-disk.ts'
import { type RegistryView, registryId, type ScriptedRegistry, type ScriptedWatcher } from './registry.ts'
import { ProcessClock, type VirtualClock } from './virtual-clock.ts'

/** What a machine keeps when its process ends. */
export interface Disk {
  readonly key: KeyPair
  readonly vault: MemoryVault
  readonly space: (name: string) => Space
  readonly registry: RegistryView
  readonly evidence: EvidenceLines
}

/** What its operator's own software does with what a process says of signing: passes it on, notes it, or falsifies it. */
export type Mouth = (messenger: Messenger, process: { readonly boot: number; readonly clock: Clock }) => Messenger

export interface ProcessInit extends Omit<Carrier, 'addressKeeper'> {
  readonly clock: VirtualClock
  readonly skewMs: number
  readonly disk: Disk
  readonly registry: ScriptedRegistry
  /** Multiaddrs, as they stand in the config. */
  readonly seeds: readonly string[]
  readonly bootstrap: Bootstrap | undefined
  readonly policy: PolicyKind
  readonly mouth: Mouth
  readonly logger: Logger
  /** Told when something is on disk, or on its way to the chain, and this process does not know it yet. */
  readonly onStep: (step: string) => void
}

const network = registryId.network
const HEALTH_INTERVAL_MS = 1_000

/** A signer node from the gate upwards, wired as src/node wires it; below it are virtual links, a scripted chain and no disk. */
export class SimulatedProcess {
  readonly host: VirtualHost
  readonly threshold: StoppableThresholdService
  readonly reconciler: RotationReconciler
  readonly evidence: EvidenceParts
  readonly clock: ProcessClock
  /** Its boot number (R16). */
  readonly boot: number
  readonly metrics = new PromMetrics()
  readonly #c: ProcessInit
  readonly #network: NetworkParts
  readonly #watcher: ScriptedWatcher
  readonly #sign: SignDriver
  readonly #certificates: CertificateHelp
  #isDead = false

  static async boot(init: ProcessInit): Promise<SimulatedProcess> {
    const clock = new ProcessClock(init.clock, init.skewMs)
    return new SimulatedProcess(init, clock, await nextBoot(init.disk.space('boot'), clock.now()))
  }

  private constructor(init: ProcessInit, clock: ProcessClock, boot: number) {
    this.#c = init
    this.clock = clock
    this.boot = boot
    const isDead = () => this.#isDead
    const space = (name: string) => mortalSpace(init.disk.space(name), isDead, () => init.onStep(`wrote ${name}`))
    const disk = { ...init.disk, space }
    const { key: keyPair } = disk
    const vault = mortalVault(init.disk.vault, isDead)
    const self = keyPair.publicKey
    const { logger } = init
    const ports = { clock, logger, metrics: this.metrics }
    this.#watcher = init.registry.watch(disk.registry)
    const hosts: VirtualHost[] = []
    const config = configOf(init)
    this.#network = createNetwork(
      { config, key: { keyPair }, boot, watcher: this.#watcher, ...ports },
      [],
      (hostInit) => {
        const host = new VirtualHost(
          hostInit,
          { ...init, addressKeeper: keeperIn(init.disk.space('addresses')) },
          clock,
        )
        hosts.push(host)
        return host
      },
    )
    const [host] = hosts
    if (host === undefined) throw new Error('the network was made without a host')
    this.host = host
    const { gate, membership } = this.#network
    const { messenger } = this.host
    const activeKey = () => activeShare(gate, vault)
    const bindings = requestBindings({ space: disk.space('bindings'), logger, onFatal: rethrow })
    const policy = createPolicy({ kind: init.policy, bindings, ...registryId, requestTtlMs: 3_600_000, ...ports })
    const consent: ConstructorParameters<typeof SignDriver>[0]['consent'] = async (request, coordinator) =>
      this.reconciler.consentsToHandoff(request) ? 'yes' : await policy.consent(request, coordinator)
    const asksUnready = policy.kind !== 'bridge'
    const key = { keyPair } as Parameters<typeof evidenceIn>[1]['key']
    this.evidence = evidenceIn(journalOf(disk.evidence), { config, key, ...ports }, { gate, host: this.host })
    this.#sign = new SignDriver({
      ...{ network, self, activeKey, consent, asksUnready, ...ports },
      messenger: init.mouth(messenger, { boot, clock }),
      onFault: (fault) => this.evidence.signFault(activeKey(), vault, fault),
    })
    const isSigner = () => stateOf(gate) === 'signer'
    this.threshold = thresholdService({
      ...{ activeKey, isSigner, shares: vault, policy, bindings, rounds: this.#sign, ...ports },
    })
    this.#certificates = new CertificateHelp({
      ...{ network, messenger, vault, ...ports },
      currentSet: () => (isSigner() ? gate.state.set : undefined),
      isCertified: (share) => share.certificate.length > 0,
      onCertified: () => this.#sign.refresh(),
    })
    this.reconciler = new RotationReconciler({
      ...{ self, registryId, bootstrap: init.bootstrap, watcher: this.#watcher, ...ports },
      tx: mortalTx(init.registry.tx(), isDead, () => init.onStep('sent')),
      isKeyElsewhere: () => false,
      exposeSecret: () => keyPair.exposeSecret(),
      openSession: (spec, ...kept) =>
        openPendingSession(
          { network, self, messenger, vault, onAborted: this.evidence.keygenEnded, ...ports },
          spec,
          ...kept,
        ),
      approvals: disk.space('approvals'),
      proposals: disk.space('proposals'),
      cosigned: disk.space('cosigned'),
      handoffs: disk.space('handoffs'),
      rounds: this.#sign,
      feeUstx: undefined,
      approvalTtlMs: 24 * 3_600_000,
      onPending: (spec) => {
        membership.applyPending(spec)
        this.evidence.exchange.follow()
      },
    })
  }

  get gate(): NetworkParts['gate'] {
    return this.#network.gate
  }

  /** In the order of src/node/node.ts: the gate hears of a snapshot before anybody else. */
  async start(): Promise<void> {
    await this.host.start()
    this.#watcher.changes.on((snapshot) => {
      this.#c.trace.note(
        `${this.#c.machine.place} applies ${snapshot.kind === 'set' ? snapshot.set.hash : snapshot.kind}`,
      )
      this.#network.membership.applySnapshot(snapshot)
    })
    this.#watcher.changes.on(() => this.#sign.refresh())
    this.host.connectionOpened.on(({ peerId, direction }) => void this.#network.evictor.recheck(peerId, direction))
    await this.#watcher.start()
    await this.#sign.start()
    await this.evidence.exchange.start()
    await this.#certificates.start()
    await this.reconciler.start()
    this.#look()
  }

  /** kill −9: no timer fires, nothing is said, nothing is saved any more. */
  async kill(how: 'process' | 'machine'): Promise<void> {
    this.#isDead = true
    this.clock.kill()
    if (how === 'machine') this.host.vanish()
    await Promise.all([this.#watcher.stop(), this.host.stop()])
  }

  /** What this operator's bridge does: asks for a signature under the set's key. */
  async ask(requestId: string, digest: Uint8Array, withinMs = 20_000): Promise<SignResult> {
    return await this.askAll(requestId, [{ digest, tweak: { kind: 'none' } }], withinMs)
  }
  async askAll(requestId: string, items: readonly SignItem[], withinMs: number): Promise<SignResult> {
    return await this.threshold.sign(this.host.peerId, requestId, items, this.clock.now() + withinMs)
  }

  #look(): void {
    this.#network.membership.refreshTrust()
    this.#sign.refresh()
    this.clock.after(HEALTH_INTERVAL_MS, () => this.#look())
  }
}

/** A signer's config as it would stand in a file; what isn't said has its default. */
function configOf({ disk, address, seeds }: ProcessInit): NodeConfig {
  const text = `[identity]
key_file = "signer.key"
public_key = "${disk.key.publicKey}"
passphrase_file = "pass"
[registry]
network = "${registryId.network}"
chain_id = ${registryId.chainId}
contract = "${registryId.contract}"
endpoints = ["http://10.0.0.254:20443"]
[p2p]
listen = ["${address}"]
transports = ["tcp"]
seeds = ${JSON.stringify(seeds)}
`
  return parseConfig(text, '/etc/countersign/signer.toml', { methods: [] })
}

const keeperIn = (space: Space): AddressKeeper => ({
  load: () => space.get('book'),
  save: (bytes) => space.put('book', bytes),
})

const rethrow = (error: unknown): never => {
  throw error
}
