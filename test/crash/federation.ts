import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { silentLogger, withDeadline } from '../../src/base/index.ts'
import { curve, KeyPair, parsePublicKey, randomBytes } from '../../src/curve/index.ts'
import { type EmbeddedChain, multisigAddress, startChain } from '../../src/devnet/chain/index.ts'
import { connect } from '../../src/rpc/client/index.ts'
import { type Countersign, countersign, temporaryFolder } from '../e2e/countersign.ts'

/** A node with a bridge of its own, as an operator runs it, that tells every step of its machines. */
export interface CrashingNode {
  readonly name: string
  readonly dir: string
  readonly configFile: string
  readonly publicKey: string
  readonly peerId: string
  readonly address: string
  readonly bridge: KeyPair
  process: Countersign | undefined
}

const CHAIN_CONTRACT = 'SN3R84XZYA63QS28932XQF3G1J8R9PC3W76P9CSQS.sbtc-registry'
const READY_MS = 150_000

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  await new Promise<void>((done) => server.close(() => done()))
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function init(dir: string, name: string): Promise<CrashingNode> {
  const { code, stdout, stderr } = await countersign(
    ...['init', '--json', '--dir', join(dir, name), '--network', 'devnet', '--endpoint', 'http://127.0.0.1:1'],
    ...['--contract', CHAIN_CONTRACT, '--listen', '/ip4/127.0.0.1/tcp/4700'],
  ).finished
  if (code !== 0) throw new Error(`init failed: ${stderr}`)
  const { publicKey, peerId, configFile } = JSON.parse(stdout)
  const address = `/ip4/127.0.0.1/tcp/${await freePort()}`
  return {
    ...{ name, dir: join(dir, name), configFile, publicKey, peerId, address },
    bridge: KeyPair.generate(),
    process: undefined,
  }
}

function edit(file: string, settings: Readonly<Record<string, string>>): void {
  let text = readFileSync(file, 'utf8')
  for (const [key, value] of Object.entries(settings))
    text = text.replace(new RegExp(`^#? ?${key} = .*$`, 'm'), `${key} = ${value}`)
  writeFileSync(file, text)
}

/** Three real nodes and a real chain without a key: the first thing that they do is keygen. */
export class CrashFederation {
  readonly nodes: readonly CrashingNode[]
  readonly #chain: EmbeddedChain
  readonly #remove: () => void

  private constructor(nodes: readonly CrashingNode[], chain: EmbeddedChain, remove: () => void) {
    this.nodes = nodes
    this.#chain = chain
    this.#remove = remove
  }

  static async make(): Promise<CrashFederation> {
    const { dir, remove } = temporaryFolder()
    const nodes = await Promise.all(['ada', 'bo', 'cyd'].map((name) => init(dir, name)))
    const keys = nodes.map((o) => parsePublicKey(o.publicKey)).toSorted()
    const deployerAddress = await multisigAddress(keys, 2)
    const chain = await startChain({
      deployerAddress,
      blockIntervalMs: 1_000,
      genesisBalances: { [deployerAddress]: 1_000_000_000n },
      logger: silentLogger,
    })
    for (const o of nodes) {
      edit(o.configFile, {
        contract: JSON.stringify(chain.contract),
        endpoints: JSON.stringify([chain.url]),
        poll_interval: '"1s"',
        bootstrap_signers: JSON.stringify(keys),
        bootstrap_threshold: '2',
        listen: JSON.stringify([o.address]),
        transports: '["tcp"]',
        seeds: JSON.stringify(nodes.filter((p) => p !== o).map((p) => `${p.address}/p2p/${p.peerId}`)),
        level: '"debug"',
      })
      const methods = '["hello", "threshold.public_key", "threshold.sign"]'
      appendFileSync(o.configFile, `\n[[bridge]]\npeer_id = "${o.bridge.peerId}"\nmethods = ${methods}\n`)
    }
    return new CrashFederation(nodes, chain, remove)
  }

  run(node: CrashingNode): void {
    node.process = countersign('run', '--config', node.configFile)
  }

  /** Kills the first of these nodes that tells this step, at once and with -9, and starts it again after `downMs`. */
  killAt(step: string, nodes: readonly CrashingNode[], downMs: number): Promise<CrashingNode> {
    const { promise, resolve } = Promise.withResolvers<CrashingNode>()
    let killed = false
    for (const node of nodes) {
      let tail = ''
      const look = (chunk: Buffer): void => {
        tail = `${tail}${chunk.toString()}`
        const lines = tail.split('\n')
        tail = lines.pop() ?? ''
        if (killed || !lines.some((line) => stepIn(line) === step)) return
        killed = true
        node.process?.child.kill('SIGKILL')
        node.process?.child.once('close', () => {
          setTimeout(() => {
            this.run(node)
            resolve(node)
          }, downMs)
        })
      }
      node.process?.child.stdout?.on('data', look)
      node.process?.child.stderr?.on('data', look)
    }
    return promise
  }

  /** Every node holds the key that stands on chain: all the same one. */
  async keysHeld(): Promise<void> {
    const held = async () => {
      const all = await Promise.all(this.nodes.map(statusOf))
      const keys = new Set(all.map((s) => (s?.key?.held === true ? s.key.groupKey : undefined)))
      return keys.size === 1 && !keys.has(undefined)
    }
    await withDeadline('every node to hold the key', READY_MS, async (signal) => {
      while (!(await held())) {
        signal.throwIfAborted()
        await new Promise((next) => setTimeout(next, 500))
      }
    })
  }

  /** Two of three at a time, so that every share is used. */
  async allSharesSign(): Promise<void> {
    for (const [i, a] of this.nodes.entries()) {
      const b = this.nodes[(i + 1) % this.nodes.length] as CrashingNode
      const digest = randomBytes(32)
      const clients = await Promise.all(
        [a, b].map((o) => connect({ addresses: [`${o.address}/p2p/${o.peerId}`], key: o.bridge })),
      )
      const key = await clients[0]?.threshold.publicKey()
      const answers = await Promise.all(
        clients.map((c) => c.threshold.sign({ requestId: `pair-${i}`, digest, timeoutMs: 30_000 })),
      )
      await Promise.all(clients.map((c) => c.close()))
      const all = key !== undefined && answers.every(({ signature }) => curve.schnorrVerify(signature, digest, key))
      if (!all) throw new Error(`${a.name} and ${b.name} made no signature`)
    }
  }

  /** What the nodes said since they were last started. */
  output(): string {
    return this.nodes.map((n) => `${n.process?.stdout}${n.process?.stderr}`).join('\n')
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((o) => o.process?.kill('SIGTERM')))
    await this.#chain.stop()
    this.#remove()
  }
}

/** The step that a line of a node's log tells of, before it is taken. */
function stepIn(line: string): string | undefined {
  try {
    const { message, step, action } = JSON.parse(line)
    if (message === 'Keygen step') return step
    return message === 'Rotation step' ? action : undefined
  } catch {
    return undefined
  }
}

async function statusOf(
  o: CrashingNode,
): Promise<{ readonly key: { readonly held: boolean; readonly groupKey: string } | null } | undefined> {
  const { code, stdout } = await countersign('status', '--json', '--config', o.configFile).finished
  return code === 0 ? JSON.parse(stdout) : undefined
}
