import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLogger } from '../../src/base/index.ts'
import { curve, KeyPair, randomBytes } from '../../src/curve/index.ts'
import { type EmbeddedChain, multisigAddress, startChain } from '../../src/devnet/chain/index.ts'
import { type HeldPort, holdPorts } from '../../src/devnet/ports.ts'
import { createKeyFolder, type KeyFolder, multiaddrsOf } from '../../src/devnet/signer.ts'
import { type NodeStatus, renderConfig } from '../../src/node/index.ts'
import { type Client, connect, type SignerChange } from '../../src/rpc/client/index.ts'
import { type Countersign, countersign, temporaryFolder } from './countersign.ts'
import { statusOf } from './status.ts'

/** Three operators of a set of 2 of 3, two of whom move to another key, one after the other. */
interface Operator {
  readonly dir: string
  readonly config: string
  readonly old: KeyFolder
  readonly next: KeyFolder
  readonly port: HeldPort
  process: Countersign | undefined
}

const WAIT = { timeout: 90_000, interval: 500 }
const folder = temporaryFolder()
const bridge = KeyPair.generate()
let chain: EmbeddedChain
let operators: readonly Operator[]
let [ada, bo, cyd] = [undefined, undefined, undefined] as unknown as [Operator, Operator, Operator]

const keyOf = (k: KeyFolder) => k.keyPair.publicKey
const listenOf = (o: Operator) => multiaddrsOf(o.port.port, 'both')
const addressesOf = (o: Operator, key: KeyFolder) => listenOf(o).map((a) => `${a}/p2p/${key.keyPair.peerId}`)
const fileIn = (o: Operator, path: string) => path.slice(o.dir.length + 1)

function writeConfig(o: Operator, identity: NonNullable<Parameters<typeof renderConfig>[0]['identity']>): void {
  const text = renderConfig({
    identity,
    registry: {
      ...{ network: 'devnet', chain_id: 0x80000000, contract: chain.contract, endpoints: [chain.url] },
      poll_interval: '1s',
      bootstrap_signers: operators.map((p) => keyOf(p.old)),
      bootstrap_threshold: 2,
    },
    p2p: {
      listen: [...listenOf(o)],
      seeds: operators.filter((p) => p !== o).flatMap((p) => addressesOf(p, p.old)),
    },
    signing: { policy: 'auto' },
    bridge: [{ peer_id: bridge.peerId, methods: ['hello', 'threshold.public_key', 'threshold.sign'] }],
    admin: { socket: 'admin.sock' },
  })
  writeFileSync(o.config, text, { mode: 0o600 })
}
const identityOf = (o: Operator, key: KeyFolder) => ({
  key_file: fileIn(o, key.keyFile),
  public_key: keyOf(key),
  passphrase_file: fileIn(o, key.passphraseFile),
})
const withNext = (o: Operator) => ({
  ...identityOf(o, o.old),
  next_key_file: fileIn(o, o.next.keyFile),
  next_public_key: keyOf(o.next),
  next_passphrase_file: fileIn(o, o.next.passphraseFile),
})
const run = (o: Operator) => {
  o.process = countersign('run', '--config', o.config)
}
const status = (o: Operator): Promise<NodeStatus | undefined> => statusOf(o.config).catch(() => undefined)
async function approve(o: Operator, keys: readonly string[]): Promise<void> {
  const file = join(folder.dir, 'next-set.toml')
  writeFileSync(file, `keys = ${JSON.stringify(keys)}\nthreshold = 2\n`)
  const { code, stderr } = await countersign('rotation', 'approve', '--set', file, '--yes', '--config', o.config)
    .finished
  expect(stderr, basename(o.dir)).not.toMatch(/error/i)
  expect(code).toBe(0)
}
async function signs(o: Operator, key: KeyFolder): Promise<string> {
  const client = await connect({ addresses: addressesOf(o, key), key: bridge })
  const digest = randomBytes(32)
  const groupKey = (await client.threshold.publicKey()).publicKey
  const { signature } = await client.threshold.sign({ requestId: Buffer.from(digest).toString('hex', 0, 16), digest })
  await client.close()
  expect(curve.schnorrVerify(signature, digest, groupKey)).toBe(true)
  return Buffer.from(groupKey).toString('hex')
}
const isWell = async (o: Operator, key: KeyFolder) => {
  const s = await status(o)
  return s?.state === 'signer' && s.publicKey === keyOf(key) && s.key?.held === true && s.health.ok
}

beforeAll(async () => {
  const ports = await holdPorts(3)
  const made: Operator[] = []
  for (const [i, name] of ['ada', 'bo', 'cyd'].entries()) {
    const dir = join(folder.dir, name)
    const [old, next] = [await createKeyFolder(dir, 'signer'), await createKeyFolder(dir, 'next')]
    made.push({ dir, config: join(dir, 'signer.toml'), old, next, port: ports[i] as HeldPort, process: undefined })
  }
  operators = made
  ;[ada, bo, cyd] = made as [Operator, Operator, Operator]
  const deployerAddress = await multisigAddress(operators.map((o) => keyOf(o.old)).toSorted(), 2)
  // Whoever sends a rotation pays its fee: the first set, and the one that the first rotation makes.
  const secondAddress = await multisigAddress([keyOf(ada.next), keyOf(bo.old), keyOf(cyd.old)].toSorted(), 2)
  chain = await startChain({
    deployerAddress,
    blockIntervalMs: 1_000,
    genesisBalances: { [deployerAddress]: 1_000_000_000n, [secondAddress]: 1_000_000_000n },
    logger: silentLogger,
  })
  for (const o of operators) {
    writeConfig(o, o === cyd ? identityOf(o, o.old) : withNext(o))
    await o.port.release()
    run(o)
  }
})
afterAll(async () => {
  for (const o of operators) await o.process?.kill('SIGTERM')
  await chain.stop()
  folder.remove()
})

describe('an operator whose next key the chain takes up', () => {
  let firstKey = ''
  /** Of a bridge that was there before the move, and knows the old key alone. */
  let client: Client
  const changes: SignerChange[] = []
  afterAll(() => client?.close())

  it('should begin under its old key', async () => {
    for (const o of operators) await expect.poll(() => isWell(o, o.old), WAIT).toBe(true)
  })

  it('R7: should move to it without a restart, with shares under the new group key', async () => {
    firstKey = await signs(ada, ada.old)
    const onSignerChanged = (change: SignerChange) => changes.push(change)
    client = await connect({ addresses: addressesOf(ada, ada.old), key: bridge, onSignerChanged })
    expect(client.trusted().signers).toEqual([ada.old, ada.next].map((k) => k.keyPair.peerId))
    for (const o of operators) await approve(o, [keyOf(ada.next), keyOf(bo.old), keyOf(cyd.old)])
    await expect.poll(() => isWell(ada, ada.next), WAIT).toBe(true)
    expect(ada.process?.child.exitCode).toBeNull()
    const now = await status(ada)
    expect(now?.peerId).toBe(ada.next.keyPair.peerId)
    expect(now?.set?.groupKey).not.toBe(firstKey)
    const links = async () => (await status(ada))?.members.filter((m) => !m.self && m.connected)
    await expect.poll(links, WAIT).toHaveLength(2)
    expect(ada.process?.stderr).not.toMatch(/removed from the signer set/)
    expect(existsSync(join(ada.dir, 'data', 'shares'))).toBe(true)
  })

  it('R7: should leave no connection to its old PeerID anywhere, and be met under the new one', async () => {
    for (const o of [bo, cyd]) {
      await expect.poll(() => isWell(o, o.old), WAIT).toBe(true)
      const isMet = async () => (await status(o))?.members.find((m) => m.publicKey === keyOf(ada.next))?.connected
      await expect.poll(isMet, WAIT).toBe(true)
      const s = await status(o)
      expect(s?.lastEviction?.peers).toContain(ada.old.keyPair.peerId)
      expect(s?.members.map((m) => m.publicKey)).not.toContain(keyOf(ada.old))
    }
    await expect(connect({ addresses: addressesOf(ada, ada.old), key: bridge })).rejects.toThrow()
  })

  it('R7: should be followed there by a client that was connected before', async () => {
    expect((await client.hello()).peerId).toBe(ada.next.keyPair.peerId)
    expect(changes.map((c) => c.kind)).toEqual(['announced', 'moved'])
    expect(client.trusted().signers).toEqual([ada.next.keyPair.peerId])
    const again = await connect({ ...client.trusted(), key: bridge })
    expect((await again.health()).ready).toBe(true)
    await again.close()
  })

  it('R21: should sign with the next key where its share is needed', async () => {
    await cyd.process?.kill('SIGKILL')
    const key = await signs(ada, ada.next)
    expect(key).not.toBe(firstKey)
    expect(await signs(bo, bo.old)).toBe(key)
    run(cyd)
    await expect.poll(() => isWell(cyd, cyd.old), WAIT).toBe(true)
  })

  it('R9: should come up under it after kill -9, and when it has become key_file', async () => {
    await ada.process?.kill('SIGKILL')
    run(ada)
    await expect.poll(() => isWell(ada, ada.next), WAIT).toBe(true)
    expect(ada.process?.stderr).toMatch(/make next_key_file the key_file/)
    await ada.process?.kill('SIGTERM')
    writeConfig(ada, identityOf(ada, ada.next))
    run(ada)
    await expect.poll(() => isWell(ada, ada.next), WAIT).toBe(true)
    expect(await signs(ada, ada.next)).not.toBe(firstKey)
  })
})

describe('a set of the earlier key', () => {
  const recallOf = async (o: Operator, ...more: string[]) =>
    await countersign('rotation', 'recall', '--json', '--config', o.config, ...more).finished
  let oldSet = ''

  it('R7: should be listed, and not be recalled under the key in use, with words that help', async () => {
    const listed = JSON.parse((await recallOf(ada)).stdout)
    expect(listed.replaced).toMatchObject([{ earlierKey: keyOf(ada.old), keyHeld: false }])
    oldSet = listed.replaced[0].setHash
    const { code, stderr } = await countersign('rotation', 'recall', oldSet, '--config', ada.config).finished
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/can sign without this node if 2 of its other 2 members recall it/)
  })

  it('R8: should be signed for with its share where the node is started under the earlier key', async () => {
    await ada.process?.kill('SIGTERM')
    writeConfig(ada, identityOf(ada, ada.old))
    run(ada)
    await expect.poll(async () => (await status(ada))?.state, WAIT).toBe('removed')
    // By how its hash begins.
    for (const o of [ada, bo]) expect((await recallOf(o, oldSet.slice(0, 8))).code).toBe(0)
    const { groupKey, keyHeld } = (await status(ada))?.recalled[0] ?? {}
    expect(keyHeld).toBe(true)
    const key = Buffer.from(groupKey ?? '', 'hex')
    const signOld = async () => {
      const client = await connect({ addresses: addressesOf(bo, bo.old), key: bridge })
      const digest = randomBytes(32)
      try {
        const { signature } = await client.threshold.sign({
          requestId: Buffer.from(digest).toString('hex', 0, 16),
          digest,
          key,
        })
        return curve.schnorrVerify(signature, digest, key) ? 'signed' : 'bad signature'
      } catch (error) {
        return String(error)
      } finally {
        await client.close()
      }
    }
    await expect.poll(signOld, WAIT).toBe('signed')
    expect((await recallOf(bo, oldSet.slice(0, 8), '--withdraw')).code).toBe(0)
    await ada.process?.kill('SIGTERM')
    writeConfig(ada, withNext(ada))
    run(ada)
    await expect.poll(() => isWell(ada, ada.next), WAIT).toBe(true)
  })
})

describe('a node that is killed when the chain takes its next key up', () => {
  const snapshotOf = (o: Operator) => join(o.dir, 'data', 'registry-snapshot.json')

  it('R7: should come up under the next key, also where it had not yet read of it', async () => {
    const before = join(folder.dir, 'snapshot-before.json')
    copyFileSync(snapshotOf(bo), before)
    for (const o of operators) await approve(o, [keyOf(ada.next), keyOf(bo.next), keyOf(cyd.old)])
    const isOnChain = async () =>
      (await status(cyd))?.members.some((m) => m.role === 'signer' && m.publicKey === keyOf(bo.next))
    await expect.poll(isOnChain, { ...WAIT, interval: 100 }).toBe(true)
    await bo.process?.kill('SIGKILL')
    // As if it had died between the block and its own reading of it.
    copyFileSync(before, snapshotOf(bo))
    expect(readFileSync(snapshotOf(bo), 'utf8')).not.toContain(keyOf(bo.next))
    run(bo)
    await expect.poll(() => isWell(bo, bo.next), WAIT).toBe(true)
    for (const o of [ada, cyd]) await expect.poll(async () => (await status(o))?.health.ok, WAIT).toBe(true)
    await cyd.process?.kill('SIGKILL')
    await signs(bo, bo.next)
  })
})
