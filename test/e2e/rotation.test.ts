import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { curve, randomBytes } from '../../src/curve/index.ts'
import { connect } from '../../src/rpc/client/index.ts'
import { openKeyFile } from '../../src/store/index.ts'
import { type Countersign, countersign } from './countersign.ts'
import { type RunningDevnet, startDevnet } from './devnet.ts'
import { statusOf } from './status.ts'

let devnet: RunningDevnet
let newcomer: Countersign | undefined
let newcomerConfig = ''
let setFile = ''
let newcomerKey = { publicKey: '', peerId: '' }

beforeAll(async () => {
  devnet = await startDevnet('--signers', '3', '--threshold', '2')
})
afterAll(async () => {
  await newcomer?.kill('SIGTERM')
  await devnet.stop()
})

const signers = () => devnet.description.signers
const approve = (config: string) =>
  countersign('rotation', 'approve', '--set', setFile, '--yes', '--json', '--config', config).finished

async function signs(index: number): Promise<{ key: string; ok: boolean }> {
  const client = await devnet.bridge(index)
  const digest = randomBytes(32)
  const key = (await client.threshold.publicKey()).publicKey
  const { signature } = await client.threshold.sign({ requestId: Buffer.from(digest).toString('hex', 0, 16), digest })
  await client.close()
  return { key: Buffer.from(key).toString('hex'), ok: curve.schnorrVerify(signature, digest, key) }
}

/** An operator makes a node of its own and copies what the federation shares from another's config. */
async function prepareNewcomer(): Promise<void> {
  const dir = join(devnet.dir, 'newcomer')
  const { stdout, code } = await countersign(
    ...['init', '--json', '--dir', dir, '--network', 'devnet', '--contract', devnet.description.contract],
    ...['--endpoint', devnet.description.chainUrl, '--listen', '/ip4/127.0.0.1/tcp/0'],
    ...signers().flatMap((s) => ['--seed', s.addresses[0] ?? '']),
  ).finished
  expect(code).toBe(0)
  newcomerKey = JSON.parse(stdout)
  newcomerConfig = join(dir, 'signer.toml')
  const text = readFileSync(newcomerConfig, 'utf8').replace(/^#? ?poll_interval = .*$/m, 'poll_interval = "1s"')
  writeFileSync(newcomerConfig, text)
  const keys = [
    ...signers()
      .slice(0, 2)
      .map((s) => s.publicKey),
    newcomerKey.publicKey,
  ]
  setFile = join(devnet.dir, 'next-set.toml')
  writeFileSync(setFile, `keys = ${JSON.stringify(keys)}\nthreshold = 2\n`)
}

describe('a rotation by the operators', () => {
  it('should turn the newcomer away while its key is not on chain, and count it', async () => {
    await prepareNewcomer()
    const dir = join(devnet.dir, 'newcomer')
    const { keyPair } = await openKeyFile(join(dir, 'signer.key'), {
      kind: 'passphrase',
      file: join(dir, 'signer.passphrase'),
    })
    for (const signer of signers()) {
      const before = (await statusOf(signer.configFile)).denials.totals.not_in_registry ?? 0
      await expect(connect({ addresses: signer.addresses, key: keyPair })).rejects.toMatchObject({
        code: 'NOT_ADMITTED',
      })
      const { denials } = await statusOf(signer.configFile)
      expect(denials.totals.not_in_registry).toBeGreaterThan(before)
      expect(denials.recent.some((d) => d.peerId === keyPair.peerId && d.reason === 'not_in_registry')).toBe(true)
      const metrics = await (await fetch(`${signer.adminUrl}/metrics`)).text()
      expect(metrics).toMatch(/countersign_gate_denials_total\{[^}]*reason="not_in_registry"[^}]*\} [1-9]/)
    }
  })

  it('should let a node whose key is in no set wait, with red health', async () => {
    newcomer = countersign('run', '--config', newcomerConfig)
    await expect
      .poll(async () => (await countersign('status', '--json', '--config', newcomerConfig).finished).code, {
        timeout: 30_000,
        interval: 500,
      })
      .toBe(0)
    await expect.poll(async () => (await statusOf(newcomerConfig)).registry.kind, { timeout: 30_000 }).toBe('set')
    expect(await statusOf(newcomerConfig)).toMatchObject({ state: 'waiting', health: { ok: false } })
    const { code } = await countersign('rotation', 'status', '--config', newcomerConfig).finished
    expect(code).toBe(0)
  })

  it('R7: should show the pending id and change nothing until the operator says yes', async () => {
    const config = signers()[0]?.configFile ?? ''
    const { code, stderr } = await countersign('rotation', 'approve', '--set', setFile, '--config', config).finished
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/--yes/)
    expect((await statusOf(config)).rotation).toBeNull()
  })

  it('should keep signing under the old key while approvals are missing', async () => {
    const [first, second, leaving] = signers()
    for (const s of [first, leaving]) expect((await approve(s?.configFile ?? '')).code).toBe(0)
    const { rotation } = await statusOf(first?.configFile ?? '')
    expect(rotation).toMatchObject({ waitingFor: 'approvals' })
    expect(rotation?.missing).toContain(newcomerKey.publicKey)
    expect(await signs(1)).toEqual({ key: devnet.description.groupKey, ok: true })
    expect((await approve(second?.configFile ?? '')).code).toBe(0)
  })

  it('should refuse to approve a second set beside it', async () => {
    const other = join(devnet.dir, 'other-set.toml')
    const keys = signers().map((s) => s.publicKey)
    writeFileSync(other, `keys = ${JSON.stringify(keys)}\nthreshold = 3\n`)
    const config = signers()[0]?.configFile ?? ''
    const { code, stderr } = await countersign('rotation', 'approve', '--set', other, '--yes', '--config', config)
      .finished
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/approved already/)
  })

  it('should rotate when the newcomer has approved, admit it, and cut the removed key off', async () => {
    const leaving = signers()[2]
    expect((await approve(newcomerConfig)).code).toBe(0)
    await expect
      .poll(async () => (await statusOf(newcomerConfig)).state, { timeout: 90_000, interval: 500 })
      .toBe('signer')
    await expect
      .poll(async () => (await statusOf(newcomerConfig)).health.ok, { timeout: 60_000, interval: 500 })
      .toBe(true)
    const joined = await statusOf(newcomerConfig)
    expect(joined.key?.held).toBe(true)
    expect(joined.members.filter((m) => !m.self && m.connected)).toHaveLength(2)
    for (const s of signers().slice(0, 2)) {
      const { lastEviction } = await statusOf(s.configFile)
      expect(lastEviction?.peers).toContain(leaving?.peerId)
      expect(lastEviction?.closedMs).toBeLessThanOrEqual(1_000)
      // Shown, without a role, until the rotation that it was in is over here, too.
      await expect
        .poll(async () => (await statusOf(s.configFile)).members.map((m) => m.publicKey), { timeout: 30_000 })
        .not.toContain(leaving?.publicKey)
    }
    await expect
      .poll(async () => (await statusOf(leaving?.configFile ?? '')).state, { timeout: 30_000 })
      .toBe('removed')
  })

  it('should sign under the new key, and not serve through the removed signer', async () => {
    const { key, ok } = await signs(0)
    expect(ok).toBe(true)
    expect(key).not.toBe(devnet.description.groupKey)
    expect(key).toBe((await statusOf(newcomerConfig)).set?.groupKey)
    await expect(devnet.bridge(2)).rejects.toMatchObject({ code: 'NOT_ADMITTED' })
  })

  it('should rotate once more: the account of the new set has what that costs', async () => {
    const file = join(devnet.dir, 'second-set.toml')
    const staying = signers().slice(0, 2)
    writeFileSync(file, `keys = ${JSON.stringify(staying.map((s) => s.publicKey))}\nthreshold = 2\n`)
    for (const { configFile } of staying) {
      const args = ['rotation', 'approve', '--set', file, '--yes', '--json', '--config', configFile]
      expect((await countersign(...args).finished).code).toBe(0)
    }
    const isDone = async (config: string) => {
      const { members, key } = await statusOf(config)
      return members.length === 2 && key?.held === true
    }
    for (const { configFile } of staying)
      await expect.poll(() => isDone(configFile), { timeout: 90_000, interval: 500 }).toBe(true)
    expect((await signs(0)).ok).toBe(true)
    await expect.poll(async () => (await statusOf(newcomerConfig)).state, { timeout: 60_000 }).toBe('removed')
  })

  it('should have warned of no honest peer, whatever instant it saw the rotations at', async () => {
    const warned = (log: string) =>
      log.split('\n').filter((l) => /"Denied"/.test(l) && /no_right_to_topic|topic_of_another_set/.test(l))
    const logs = signers().map((s) => readFileSync(join(dirname(s.configFile), 'signer.log'), 'utf8'))
    for (const log of [...logs, newcomer?.stderr ?? '']) {
      expect(log).toMatch(/Signer set applied/)
      expect(warned(log)).toEqual([])
    }
    // They were met, and counted: without them this would show nothing.
    const totals = await Promise.all(signers().map(async (s) => (await statusOf(s.configFile)).denials.totals))
    expect(totals.some((t) => (t.topic_of_another_set ?? 0) > 0)).toBe(true)
  })

  it('should leave a record of each set, with its block and who said so', async () => {
    const [signer] = signers()
    if (signer === undefined) throw new Error('no signer')
    const { set } = await statusOf(signer.configFile)
    const file = join(dirname(signer.configFile), 'data', 'registry-audit.jsonl')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const changes = readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(changes.map((c) => c.old)).toEqual([null, ...changes.slice(0, -1).map((c) => c.new)])
    expect(changes.at(-1)).toMatchObject({ new: set?.hash, endpoints: [devnet.description.chainUrl] })
  })
})
