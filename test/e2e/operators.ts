import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { silentLogger } from '../../src/base/index.ts'
import { curve, KeyPair, parsePublicKey, randomBytes } from '../../src/curve/index.ts'
import { type EmbeddedChain, multisigAddress, startChain } from '../../src/devnet/chain/index.ts'
import type { NodeStatus } from '../../src/node/index.ts'
import { type Client, connect } from '../../src/rpc/client/index.ts'
import { type Countersign, countersign, type Finished, temporaryFolder } from './countersign.ts'
import { statusOf } from './status.ts'

/** One operator as the README tells it: `init`, exchange public keys, edit the config, `run`; with a bridge of its own. */
export interface Operator {
  readonly name: string
  readonly dir: string
  readonly configFile: string
  readonly publicKey: string
  readonly peerId: string
  readonly address: string
  readonly bridge: KeyPair
  process: Countersign | undefined
}

export interface OperatorsInit {
  /** Of whom the first key is made: at least two. */
  readonly founders: readonly string[]
  /** Whose keys the first set does not have. */
  readonly others?: readonly string[]
  /** More of the config, as TOML values by key. */
  readonly settings?: Readonly<Record<string, string>>
}

const THRESHOLD = 2
/** Until the real one is known, when all keys are; the operator puts that in by hand. */
const SOME_CONTRACT = 'SN3R84XZYA63QS28932XQF3G1J8R9PC3W76P9CSQS.sbtc-registry'
const METHODS = '["hello", "threshold.public_key", "threshold.sign"]'

/** Operators with hand-made configs and a real chain without a key: the first thing that the founders do is keygen, 2 of all. */
export class Operators {
  readonly all: readonly Operator[]
  readonly founders: readonly Operator[]
  readonly chain: EmbeddedChain
  /** A folder for files that they exchange. */
  readonly dir: string
  readonly #remove: () => void

  private constructor(all: readonly Operator[], founders: number, chain: EmbeddedChain, folder: Folder) {
    this.all = all
    this.founders = all.slice(0, founders)
    this.chain = chain
    this.dir = folder.dir
    this.#remove = folder.remove
  }

  /** Nothing runs yet but the chain. */
  static async make({ founders, others = [], settings = {} }: OperatorsInit): Promise<Operators> {
    const folder = temporaryFolder()
    const all = await Promise.all([...founders, ...others].map((name) => init(folder.dir, name)))
    const keys = all
      .slice(0, founders.length)
      .map((o) => parsePublicKey(o.publicKey))
      .toSorted()
    const deployerAddress = await multisigAddress(keys, THRESHOLD)
    const chain = await startChain({
      deployerAddress,
      blockIntervalMs: 1_000,
      genesisBalances: { [deployerAddress]: 1_000_000_000n },
      logger: silentLogger,
    })
    for (const o of all) {
      edit(o.configFile, {
        contract: JSON.stringify(chain.contract),
        endpoints: JSON.stringify([chain.url]),
        poll_interval: '"1s"',
        bootstrap_signers: JSON.stringify(keys),
        bootstrap_threshold: String(THRESHOLD),
        listen: JSON.stringify([o.address]),
        transports: '["tcp"]',
        seeds: JSON.stringify(all.filter((p) => p !== o).map((p) => `${p.address}/p2p/${p.peerId}`)),
        ...settings,
      })
      appendFileSync(o.configFile, `\n[[bridge]]\npeer_id = "${o.bridge.peerId}"\nmethods = ${METHODS}\n`)
    }
    return new Operators(all, founders.length, chain, folder)
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((o) => o.process?.kill('SIGTERM')))
    await this.chain.stop()
    this.#remove()
  }
}

type Folder = ReturnType<typeof temporaryFolder>

export const run = (o: Operator): void => {
  o.process = countersign('run', '--config', o.configFile)
}

/** A command beside the operator's running node. */
export const command = (o: Operator, ...args: readonly string[]): Promise<Finished> =>
  countersign(...args, '--config', o.configFile).finished

/** undefined while the node does not answer. */
export const status = (o: Operator): Promise<NodeStatus | undefined> => statusOf(o.configFile).catch(() => undefined)

/** Every one of them holds the key that stands on chain, and it is the same one. */
export async function holdOneKey(operators: readonly Operator[]): Promise<boolean> {
  const all = await Promise.all(operators.map(status))
  const keys = new Set(all.map((s) => (s?.key?.held === true ? s.key.groupKey : undefined)))
  return keys.size === 1 && !keys.has(undefined)
}

export const bridgeOf = (o: Operator): Promise<Client> =>
  connect({ addresses: [`${o.address}/p2p/${o.peerId}`], key: o.bridge })

/** The bridges of these ask for the same: does each get a signature that verifies? */
export async function signBy(asking: readonly Operator[], requestId: string, timeoutMs = 20_000): Promise<boolean> {
  const digest = randomBytes(32)
  const clients = await Promise.all(asking.map(bridgeOf))
  try {
    const answers = await Promise.all(clients.map((c) => c.threshold.sign({ requestId, digest, timeoutMs })))
    const publicKey = (await clients[0]?.threshold.publicKey())?.publicKey
    if (publicKey === undefined) return false
    return answers.every(({ signature }) => curve.schnorrVerify(signature, digest, publicKey))
  } finally {
    await Promise.all(clients.map((c) => c.close()))
  }
}

async function init(folder: string, name: string): Promise<Operator> {
  const dir = join(folder, name)
  const { code, stdout, stderr } = await countersign(
    ...['init', '--json', '--dir', dir, '--network', 'devnet', '--endpoint', 'http://127.0.0.1:1'],
    ...['--contract', SOME_CONTRACT, '--listen', '/ip4/127.0.0.1/tcp/4700'],
  ).finished
  if (code !== 0 || stderr !== '') throw new Error(`init of ${name} ended with ${code}: ${stderr}`)
  const { publicKey, peerId, configFile } = JSON.parse(stdout)
  const address = `/ip4/127.0.0.1/tcp/${await freePort()}`
  return { name, dir, configFile, publicKey, peerId, address, bridge: KeyPair.generate(), process: undefined }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  await new Promise<void>((done) => server.close(() => done()))
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** What an operator changes in an editor. */
function edit(file: string, settings: Readonly<Record<string, string>>): void {
  let text = readFileSync(file, 'utf8')
  for (const [key, value] of Object.entries(settings)) {
    const row = new RegExp(`^#? ?${key} = .*$`, 'm')
    if (!row.test(text)) throw new Error(`${file} has no row for ${key}`)
    text = text.replace(row, `${key} = ${value}`)
  }
  writeFileSync(file, text)
}
