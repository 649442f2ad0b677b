import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { KeyPair } from '../../src/curve/index.ts'
import type { EmbeddedChain } from '../../src/devnet/chain/index.ts'
import { adminCall, findNode } from '../../src/node/index.ts'
import { type Client, connect } from '../../src/rpc/client/index.ts'
import { METHOD_NAMES } from '../../src/rpc/index.ts'
import type { NonceMode } from '../../src/signer/index.ts'
import { writeIdentityFile } from '../../src/store/index.ts'
import { type Countersign, countersign, Countersign as Process } from './countersign.ts'
import { freePort } from './operators.ts'

export type Order = 'kill before sync' | 'kill after sync' | 'hold' | 'fail'

const HOOK = resolve(import.meta.dirname, 'disk-hook.ts')

export interface SeedNodeInit {
  readonly dir: string
  readonly chain: Pick<EmbeddedChain, 'contract' | 'url'>
  /** 32 bytes. */
  readonly seed: Uint8Array
  readonly nonceMode: NonceMode
  /** Nothing was ever made from the seed. Default: true. */
  readonly isUnused?: boolean
}

/** A node process with a seed, as its operator makes it; no member of a set, as the secret service asks nobody else. */
export class SeedNode {
  readonly dir: string
  readonly configFile: string
  /** They may call everything. */
  readonly bridges: readonly [KeyPair, KeyPair]
  process: Countersign | undefined
  readonly #address: string
  readonly #clients: Client[] = []

  private constructor(dir: string, address: string, bridges: readonly [KeyPair, KeyPair]) {
    this.dir = dir
    this.configFile = join(dir, 'signer.toml')
    this.#address = address
    this.bridges = bridges
  }

  static async make({ dir, chain, seed, nonceMode, isUnused = true }: SeedNodeInit): Promise<SeedNode> {
    mkdirSync(dir, { recursive: true })
    const [seedFile, identityFile] = [join(dir, 'raw-seed'), join(dir, 'age')]
    writeFileSync(seedFile, seed)
    chmodSync(seedFile, 0o600)
    // Opening with an identity costs no scrypt.
    await writeIdentityFile(identityFile)
    const listen = `/ip4/127.0.0.1/tcp/${await freePort()}`
    const home = join(dir, 'node')
    const { code, stdout, stderr } = await countersign(
      ...['init', '--json', '--dir', home, '--identity-file', identityFile, '--network', 'devnet'],
      ...['--contract', chain.contract, '--endpoint', chain.url, '--listen', listen],
      ...['--s2-seed-file', seedFile, '--s2-nonce-mode', nonceMode, ...(isUnused ? ['--s2-seed-unused'] : [])],
    ).finished
    if (code !== 0) throw new Error(`init ended with ${code}: ${stdout}${stderr}`)
    const bridges = [KeyPair.generate(), KeyPair.generate()] as const
    const node = new SeedNode(home, `${listen}/p2p/${JSON.parse(stdout).peerId}`, bridges)
    for (const { peerId } of bridges)
      appendFileSync(
        node.configFile,
        `\n[[bridge]]\npeer_id = "${peerId}"\nmethods = ${JSON.stringify(METHOD_NAMES)}\nallow_secret_export = true\n`,
      )
    return node
  }

  /** The same with data and config elsewhere: what one takes who copies a machine's files. */
  static at(dir: string, like: SeedNode): SeedNode {
    return new SeedNode(dir, like.#address, like.bridges)
  }

  /** `hook`: with what stands between it and its disk. */
  async start(hook?: 'hook'): Promise<void> {
    mkdirSync(this.#hookDir, { recursive: true })
    const preloaded = { module: HOOK, env: { COUNTERSIGN_TEST_HOOK: this.#hookDir } }
    this.process = new Process(
      ['run', '--json', '--config', this.configFile],
      hook === undefined ? undefined : preloaded,
    )
    await this.process.line((line) => line.event === 'started')
  }

  /** Its exit code. */
  async stop(): Promise<number | null> {
    const { code } = (await this.process?.kill('SIGTERM')) ?? { code: null }
    this.process = undefined
    return code
  }

  async kill(): Promise<void> {
    await this.process?.kill('SIGKILL')
    this.process = undefined
  }

  async client(bridge: 0 | 1 = 0): Promise<Client> {
    const client = await connect({ addresses: [this.#address], key: this.bridges[bridge] })
    this.#clients.push(client)
    return client
  }

  /** What is to happen to the next write of one-time bindings. */
  order(order: Order): void {
    rmSync(join(this.#hookDir, 'release'), { force: true })
    rmSync(join(this.#hookDir, 'trace'), { force: true })
    writeFileSync(join(this.#hookDir, 'order'), order)
  }
  /** Lets go of a write that is held. */
  release(): void {
    writeFileSync(join(this.#hookDir, 'release'), '')
  }
  /** What happened since the last order. */
  trace(): readonly string[] {
    const file = join(this.#hookDir, 'trace')
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []
  }

  /** As `countersign s2 status` shows it. */
  async s2(): Promise<Readonly<Record<string, unknown>>> {
    const { socketPath } = await findNode(this.configFile)
    const { json } = await adminCall({ socketPath, method: 'GET', path: '/s2' })
    return (json as { readonly s2: Readonly<Record<string, unknown>> }).s2
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((c) => c.close()))
    await this.kill()
  }

  get #hookDir(): string {
    return join(this.dir, 'hook')
  }
}
