import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLogger } from '../../src/base/index.ts'
import { curve, KeyPair, parsePublicKey, randomBytes } from '../../src/curve/index.ts'
import { type EmbeddedChain, multisigAddress, startChain } from '../../src/devnet/chain/index.ts'
import type { NodeStatus } from '../../src/node/index.ts'
import { type Client, connect, RpcError } from '../../src/rpc/client/index.ts'
import { type Countersign, countersign, temporaryFolder } from './countersign.ts'
import { statusOf } from './status.ts'

/**
 * Three operators, as the README tells them: `init`, exchange public keys, edit the config, `run`. Policy is the default,
 * `bridge`: each operator's own bridge node must ask.
 */
interface Operator {
  readonly dir: string
  readonly configFile: string
  readonly publicKey: string
  readonly peerId: string
  readonly address: string
  readonly bridge: KeyPair
  process: Countersign | undefined
}

const folder = temporaryFolder()
const operators: Operator[] = []
let chain: EmbeddedChain

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  await new Promise<void>((done) => server.close(() => done()))
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function init(name: string): Promise<Omit<Operator, 'address' | 'bridge' | 'process'>> {
  const dir = join(folder.dir, name)
  // The real contract is known only when all keys are; the operator puts it in by hand below.
  const { code, stdout, stderr } = await countersign(
    ...['init', '--json', '--dir', dir, '--network', 'devnet', '--endpoint', 'http://127.0.0.1:1'],
    ...['--contract', 'SN3R84XZYA63QS28932XQF3G1J8R9PC3W76P9CSQS.sbtc-registry', '--listen', '/ip4/127.0.0.1/tcp/4700'],
  ).finished
  expect(stderr).toBe('')
  expect(code).toBe(0)
  const { publicKey, peerId, configFile } = JSON.parse(stdout)
  return { dir, configFile, publicKey, peerId }
}

/** What an operator changes in an editor. */
function edit(file: string, settings: Readonly<Record<string, string>>): void {
  let text = readFileSync(file, 'utf8')
  for (const [key, value] of Object.entries(settings)) {
    expect(text, key).toMatch(new RegExp(`^#? ?${key} = .*$`, 'm'))
    text = text.replace(new RegExp(`^#? ?${key} = .*$`, 'm'), `${key} = ${value}`)
  }
  writeFileSync(file, text)
}

const run = (o: Operator): void => {
  o.process = countersign('run', '--config', o.configFile)
}

const status = (o: Operator): Promise<NodeStatus | undefined> => statusOf(o.configFile).catch(() => undefined)

beforeAll(async () => {
  for (const made of await Promise.all(['ada', 'bo', 'cyd'].map(init))) {
    const address = `/ip4/127.0.0.1/tcp/${await freePort()}`
    operators.push({ ...made, address, bridge: KeyPair.generate(), process: undefined })
  }
  const keys = operators.map((o) => parsePublicKey(o.publicKey)).toSorted()
  const deployerAddress = await multisigAddress(keys, 2)
  chain = await startChain({
    deployerAddress,
    blockIntervalMs: 1_000,
    genesisBalances: { [deployerAddress]: 1_000_000_000n },
    logger: silentLogger,
  })
  for (const o of operators) {
    edit(o.configFile, {
      contract: JSON.stringify(chain.contract),
      endpoints: JSON.stringify([chain.url]),
      poll_interval: '"1s"',
      bootstrap_signers: JSON.stringify(keys),
      bootstrap_threshold: '2',
      listen: JSON.stringify([o.address]),
      transports: '["tcp"]',
      seeds: JSON.stringify(operators.filter((p) => p !== o).map((p) => `${p.address}/p2p/${p.peerId}`)),
    })
    const methods = '["hello", "threshold.public_key", "threshold.sign"]'
    appendFileSync(o.configFile, `\n[[bridge]]\npeer_id = "${o.bridge.peerId}"\nmethods = ${methods}\n`)
  }
})

afterAll(async () => {
  await Promise.all(operators.map((o) => o.process?.kill('SIGTERM')))
  await chain.stop()
  folder.remove()
})

const bridgeOf = (o: Operator): Promise<Client> =>
  connect({ addresses: [`${o.address}/p2p/${o.peerId}`], key: o.bridge })

async function signBy(asking: readonly Operator[], requestId: string): Promise<boolean> {
  const digest = randomBytes(32)
  const clients = await Promise.all(asking.map(bridgeOf))
  const answers = await Promise.all(clients.map((c) => c.threshold.sign({ requestId, digest })))
  const publicKey = await (clients[0] as Client).threshold.publicKey()
  await Promise.all(clients.map((c) => c.close()))
  return answers.every(({ signature }) => curve.schnorrVerify(signature, digest, publicKey))
}

describe('three operators with hand-made configs', () => {
  const [ada, bo, cyd] = [
    () => operators[0] as Operator,
    () => operators[1] as Operator,
    () => operators[2] as Operator,
  ]

  it('should have made sealed keys that only their owner can read', () => {
    for (const o of operators)
      for (const name of ['signer.key', 'signer.key.offline']) {
        const file = join(o.dir, name)
        expect(statSync(file).mode & 0o077).toBe(0)
        expect(readFileSync(file).toString('latin1')).toMatch(/^age-encryption\.org\/v1\n/)
      }
  })

  it('should make a key together', async () => {
    for (const o of operators) run(o)
    await expect
      .poll(async () => Promise.all(operators.map(async (o) => (await status(o))?.key?.held ?? false)), {
        timeout: 120_000,
        interval: 500,
      })
      .toEqual([true, true, true])
    const { code, stdout } = await countersign('status', '--json', '--config', ada().configFile).finished
    expect([code, JSON.parse(stdout).key]).toEqual([0, expect.objectContaining({ held: true })])
  })

  it('R27: should not sign what only one operator asked for, and say who is missing', async () => {
    const client = await bridgeOf(ada())
    const error: unknown = await client.threshold
      .sign({ requestId: 'alone', digest: randomBytes(32), timeoutMs: 6_000 })
      .catch((e: unknown) => e)
    await client.close()
    expect(error).toBeInstanceOf(RpcError)
    expect(error).toMatchObject({ code: 'TIMEOUT' })
  })

  it('should sign what enough operators asked for', async () => {
    expect(await signBy([ada(), bo()], 'both')).toBe(true)
  })

  it("should refuse another operator's bridge", async () => {
    const addresses = [`${bo().address}/p2p/${bo().peerId}`]
    await expect(connect({ addresses, key: ada().bridge })).rejects.toMatchObject({ code: 'NOT_ADMITTED' })
  })

  it('should rejoin after kill -9 and sign again', async () => {
    await cyd().process?.kill('SIGKILL')
    expect(await signBy([ada(), bo()], 'without-cyd')).toBe(true)
    run(cyd())
    await expect.poll(async () => (await status(cyd()))?.health.ok, { timeout: 60_000, interval: 500 }).toBe(true)
    expect(await signBy([bo(), cyd()], 'with-cyd-again')).toBe(true)
  })

  it('should refuse a second process on the same data', async () => {
    const { code, stderr } = await countersign('run', '--config', ada().configFile).finished
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/STORE_LOCKED|in use|lock/i)
  })
})
