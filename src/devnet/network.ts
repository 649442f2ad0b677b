import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type GroupKey, silentLogger } from '../base/index.ts'
import { KeyPair } from '../curve/index.ts'
import type { NewSeed, NodeStatus } from '../node/index.ts'
import { type EmbeddedChain, multisigAddress, startChain } from './chain/index.ts'
import { fundPrincipals } from './faucet.ts'
import type { DevnetOptions } from './options.ts'
import { type HeldPort, holdPorts } from './ports.ts'
import type { Report } from './report.ts'
import {
  createKeyFolder,
  createSeed,
  type KeyFolder,
  multiaddrsOf,
  Signer,
  type SignerSeed,
  writeSignerConfig,
} from './signer.ts'
import { statusIfUp } from './status.ts'
import { until } from './wait.ts'

export const DEVNET_NETWORK = 'devnet'
/** The chain id of testnets and devnets; `auto` policy is refused elsewhere (R11). */
export const DEVNET_CHAIN_ID = 0x80000000

const START_MS = 120_000

/** Chain, signers and the keys of the story, in one folder. */
export class DevnetNetwork {
  readonly dir: string
  readonly signers: Signer[] = []
  /** Everyone ever started, the replaced one too: `stop` ends them all. */
  readonly #launched: Signer[] = []
  readonly #o: DevnetOptions
  readonly #report: Report
  readonly #newSeed: NewSeed
  #chain: EmbeddedChain | undefined
  #bridge: KeyFolder | undefined
  /** All of them: a port of a signer that was never launched is still held. */
  #ports: readonly HeldPort[] = []
  #portsGiven = 0
  #groupKey: GroupKey | undefined
  /** The first signer's. */
  #seed: SignerSeed | undefined
  /** While a live view is drawn, its rows tell what words would; lines between would break it. */
  liveView = false

  /** The seed is overwritten once it is sealed; whoever gave it does so if it never comes to that. */
  constructor(dir: string, options: DevnetOptions, report: Report, seed: NewSeed) {
    this.dir = dir
    this.#newSeed = seed
    this.#o = options
    this.#report = report
  }

  get chain(): EmbeddedChain {
    if (this.#chain === undefined) throw new Error('the devnet chain is not started')
    return this.#chain
  }
  get bridge(): KeyFolder {
    if (this.#bridge === undefined) throw new Error('the devnet has no bridge key yet')
    return this.#bridge
  }
  get groupKey(): GroupKey | undefined {
    return this.#groupKey
  }

  /** Keys, chain, signer processes, and the wait until all are connected. Rejects soon after the signal aborts. */
  async start(): Promise<void> {
    const { signers: n, threshold } = this.#o
    // One more than signers: the newcomer of the story.
    this.#ports = await holdPorts(n + 1)
    this.#bridge = await createKeyFolder(join(this.dir, 'bridge'), 'bridge')
    const folders: KeyFolder[] = []
    for (let i = 1; i <= n; i++) folders.push(await createKeyFolder(join(this.dir, `signer-${i}`), 'signer'))
    this.#report({ event: 'keys', signers: n }, `sealed keys of ${n} signers`)

    this.#o.signal.throwIfAborted()
    const keys = folders.map((f) => f.keyPair.publicKey).toSorted()
    const deployer = await multisigAddress(keys, threshold)
    this.#chain = await startChain({
      deployerAddress: deployer,
      chainId: DEVNET_CHAIN_ID,
      blockIntervalMs: this.#o.blockIntervalMs,
      genesisBalances: { [deployer]: 10_000_000_000n },
      logger: silentLogger,
    })
    fundPrincipals(this.#chain, silentLogger)
    const { url: chainUrl, contract } = this.#chain
    this.#report({ event: 'chain', chainUrl, contract, deployer }, `chain at ${chainUrl}, registry ${contract}`)

    this.#o.signal.throwIfAborted()
    for (const folder of folders) this.signers.push(this.#prepare(folder))
    // Every config names every address, so all are prepared before any starts.
    const [first] = this.signers
    if (first !== undefined) this.#seed = await createSeed(first, this.#newSeed, this.#o.nonceMode)
    for (const signer of this.signers) await this.#configure(signer, { keys, threshold })
    for (const signer of this.signers) await this.#launch(signer)
    await this.#awaitAll('admission: every signer connected to every other', (s) => linksOf(s) >= n - 1 && s)
    this.#report(
      { event: 'admission', connected: n },
      `every signer is connected to ${n === 2 ? 'the other' : `the ${n - 1} others`}, and to nobody else`,
    )
  }

  /** Resolves when every signer signs under one key of the chain's. */
  async awaitKey(previous?: GroupKey): Promise<GroupKey> {
    const statuses = await this.#awaitAll(
      'every signer to hold the group key on chain',
      (s) => s.key?.held === true && s.key.groupKey !== previous && s,
    )
    const key = statuses[0]?.key?.groupKey
    if (key === undefined || statuses.some((s) => s.key?.groupKey !== key))
      throw new Error('the signers disagree about the group key')
    this.#groupKey = key
    return key
  }

  /** A process of a key that stands in no set yet. */
  async addNewcomer(): Promise<Signer> {
    const folder = await createKeyFolder(join(this.dir, `signer-${this.#o.signers + 1}`), 'signer')
    const signer = this.#prepare(folder)
    await this.#configure(signer, undefined)
    await this.#launch(signer)
    await this.#awaitOne(signer, 'the newcomer to wait', (s) => s.state === 'waiting' && s)
    return signer
  }

  async writeDescription(): Promise<void> {
    const { url: chainUrl, contract } = this.chain
    const description = {
      chainUrl,
      contract,
      network: DEVNET_NETWORK,
      groupKey: this.#groupKey,
      signers: this.signers.map((s) => s.describe()),
      bridge: { peerId: this.bridge.keyPair.peerId, keyFile: this.bridge.keyFile },
      s2: this.#seed && {
        signer: this.signers[0]?.name,
        publicKey: this.#seed.publicKey,
        nonceMode: this.#seed.nonceMode,
      },
    }
    await writeFile(join(this.dir, 'devnet.json'), `${JSON.stringify(description, null, 2)}\n`)
  }

  async statuses(): Promise<readonly (NodeStatus | undefined)[]> {
    return await Promise.all(this.signers.map((s) => statusIfUp(s.socketPath, this.#o.signal)))
  }

  /** Ends everything that was started, however far `start` came; throws the first failure when all was tried. */
  async stop(): Promise<void> {
    const ended = await Promise.allSettled([
      ...this.#launched.map((s) => s.process.stop()),
      ...this.#ports.map((p) => p.release()),
    ])
    // After the signers, whose last questions it answers.
    ended.push(...(await Promise.allSettled([this.#chain?.stop()])))
    for (const one of ended) if (one.status === 'rejected') throw one.reason
  }

  #prepare(folder: KeyFolder): Signer {
    const port = this.#ports[this.#portsGiven++]
    if (port === undefined) throw new Error('the devnet ran out of ports')
    const addresses = multiaddrsOf(port.port, this.#o.transport)
    return new Signer(folder, addresses, () => port.release())
  }

  async #configure(
    signer: Signer,
    bootstrap: { readonly keys: readonly string[]; readonly threshold: number } | undefined,
  ): Promise<void> {
    await mkdir(signer.dataDir, { recursive: true, mode: 0o700 })
    await writeSignerConfig(signer, {
      network: DEVNET_NETWORK,
      chainId: DEVNET_CHAIN_ID,
      contract: this.chain.contract,
      endpoint: this.chain.url,
      seeds: this.signers.filter((s) => s !== signer).flatMap((s) => s.dialable()),
      bootstrap,
      bridge: this.bridge.keyPair.peerId,
      seed: signer === this.signers[0] ? this.#seed : undefined,
      transport: this.#o.transport,
    })
  }

  async #launch(signer: Signer): Promise<void> {
    await signer.releasePort()
    this.#o.signal.throwIfAborted()
    this.#launched.push(signer)
    signer.process.start((how) => this.#endedByItself(signer, how))
    const status = await this.#awaitOne(signer, 'to start', (s) => s)
    if (status.admin.observerUrl !== undefined) this.chain.addObserver(status.admin.observerUrl)
    signer.adminUrl = status.admin.url
    this.#report(
      { event: 'started', name: signer.name, pid: signer.process.pid },
      `${signer.name} started (pid ${signer.process.pid})`,
    )
  }

  #endedByItself(signer: Signer, how: string): void {
    // Ctrl-C in a terminal reaches the signers, too.
    if (this.#o.signal.aborted) return
    const { pid } = signer.process
    const words = this.liveView ? undefined : `${signer.name} (pid ${pid}) ended by itself: ${how}`
    this.#report({ event: 'ended', name: signer.name, pid, how, log: signer.logFile }, words)
  }

  async #awaitAll(what: string, ask: (s: NodeStatus) => NodeStatus | false): Promise<readonly NodeStatus[]> {
    const found: NodeStatus[] = []
    for (const signer of this.signers) found.push(await this.#awaitOne(signer, what, ask))
    return found
  }

  async #awaitOne(signer: Signer, what: string, ask: (s: NodeStatus) => NodeStatus | false): Promise<NodeStatus> {
    return await until(
      `${signer.name}: ${what}`,
      START_MS,
      async () => {
        await signer.process.throwIfExited(signer.name)
        const status = await statusIfUp(signer.socketPath, this.#o.signal)
        return status === undefined ? undefined : ask(status) || undefined
      },
      this.#o.signal,
    )
  }
}

const linksOf = (s: NodeStatus): number => s.members.filter((m) => !m.self && m.connected).length

/** A key that nobody knows. */
export const freshKey = (): KeyPair => KeyPair.generate()
