import { chmodSync, copyFileSync, cpSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromHex } from '../../src/base/index.ts'
import type { Client } from '../../src/rpc/client/index.ts'
import { writeIdentityFile } from '../../src/store/index.ts'
import { countersign, type Finished, temporaryFolder } from './countersign.ts'
import { type RunningDevnet, startDevnet } from './devnet.ts'

const VECTORS = JSON.parse(readFileSync(resolve(import.meta.dirname, '../vectors/s2.json'), 'utf8'))
const folder = temporaryFolder()
const seedFile = join(folder.dir, 'seed')
const identityFile = join(folder.dir, 'identity')
const DAY_TXID = '11'.repeat(32)

let devnet: RunningDevnet
let client: Client
beforeAll(async () => {
  writeFileSync(seedFile, fromHex(VECTORS.seed))
  chmodSync(seedFile, 0o600)
  await writeIdentityFile(identityFile)
  devnet = await startDevnet('--signers', '2', '--s2-seed-file', seedFile, '--nonce-mode', 'reference')
  client = await devnet.bridge(0)
})
afterAll(async () => {
  await client?.close()
  expect(await devnet.stop()).toBe(0)
  folder.remove()
})

const configFile = () => devnet.description.signers[0]?.configFile ?? ''
const ran = (...args: readonly string[]): Promise<Finished> => countersign(...args).finished
const statusOf = async () => JSON.parse((await ran('s2', 'status', '--json', '--config', configFile())).stdout).s2

describe('a node with a secret-service seed', () => {
  it('should answer with what the reference derives from that seed', async () => {
    for (const { txid, vout, stake_index, preimage } of VECTORS.preimages)
      expect(
        await client.call('preimages.get_preimage', { prestake_txid: txid, prestake_vout: vout, stake_index }),
      ).toEqual({ preimage })
    const [first] = VECTORS.wots
    const { bits, txid, vout, index } = first
    expect(await client.call(`wots.get_${bits}_public_key`, { txid, vout, index })).toEqual({
      public_key: first.public_key,
    })
  })

  it('should say in hello how it makes nonces', async () => {
    expect((await client.hello()).nonceMode).toBe('reference')
    expect(await client.call('hello', {})).toMatchObject({ nonce_mode: 'reference' })
  })

  it('R34: should sign one message with a one-time key, and no other', async () => {
    const place = { txid: DAY_TXID, vout: 1, index: 2 }
    const message = 'ab'.repeat(16)
    const signed = await client.call('wots.get_128_signature', { ...place, message })
    expect(await client.call('wots.get_128_signature', { ...place, message })).toEqual(signed)
    await expect(client.call('wots.get_128_signature', { ...place, message: 'ac'.repeat(16) })).rejects.toMatchObject({
      code: 'EQUIVOCATION',
    })
  })

  it('should give secrets out and sign what is raw to the bridge of the devnet, and to it alone', async () => {
    const place = { txid: DAY_TXID, vout: 1, index: 3 }
    expect(await client.call('wots.get_128_secret_key', place)).toHaveProperty('secret_key')
    const other = await devnet.bridge(1)
    await expect(other.call('wots.get_128_secret_key', place)).rejects.toMatchObject({ code: 'NOT_GRANTED' })
    await other.close()
  })

  it('should hold keys of the key service', async () => {
    const spec = { name: 'consensus-1', type: 'secp256k1', role: 'consensus', capabilities: ['sign'] }
    await client.call('keys.generate', spec)
    const { keys } = await client.call('keys.list', {})
    expect(keys).toMatchObject([{ name: 'consensus-1' }])
  })

  it('should tell its operator that it remembers, in which mode, and how far the audit log is', async () => {
    expect(await statusOf()).toMatchObject({ nonceMode: 'reference', continuity: 'proven', lostReason: null })
    const { stdout, code } = await ran('audit', 'verify', '--json', '--config', configFile())
    const check = JSON.parse(stdout)
    expect(code).toBe(0)
    expect(check).toMatchObject({ ok: true, signedBy: [devnet.description.signers[0]?.publicKey] })
    expect(check.decisions).toBeGreaterThan(5)
    const tail = (await ran('audit', 'tail', '--json', '--config', configFile())).stdout.trim().split('\n')
    const outcomes = tail.map((line) => JSON.parse(line)).map((e) => `${e.method} ${e.outcome}`)
    expect(outcomes).toContain('wots.get_128_signature ok')
    expect(outcomes).toContain('wots.get_128_signature EQUIVOCATION')
  })

  it('should be the only process on its data folder', async () => {
    const copy = join(dirname(configFile()), 'second.toml')
    const text = readFileSync(configFile(), 'utf8')
    writeFileSync(
      copy,
      text.replace('socket = "admin.sock"', 'socket = "second.sock"').replace(/\/tcp\/\d+"/, '/tcp/0"'),
    )
    const { code, stderr } = await ran('run', '--config', copy)
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/another process|in use|locked/i)
  })

  it('incident 20: should not start with the seed of another, and leave nothing behind', async () => {
    const dir = join(folder.dir, 'other')
    const made = await ran('init', '--dir', dir, '--s2', ...devnetFlags())
    expect(made.code).toBe(0)
    copyFileSync(join(dir, 's2.seed'), join(dir, 'kept'))
    const again = join(folder.dir, 'again')
    expect((await ran('init', '--dir', again, '--s2', ...devnetFlags())).code).toBe(0)
    copyFileSync(join(dir, 's2.seed'), join(again, 's2.seed'))
    const { code, stderr } = await ran('run', '--config', join(again, 'signer.toml'))
    expect(code).toBe(78)
    expect(stderr).toMatch(/holds the seed of [0-9a-f]{64} but the config expects [0-9a-f]{64}/)
    expect(existsSync(join(again, 'data'))).toBe(false)
  })

  it('R32: should refuse one-time secrets of an imported seed until its operator accepts by name', async () => {
    const dir = join(folder.dir, 'imported')
    expect((await ran('init', '--dir', dir, '--s2-seed-file', seedFile, ...devnetFlags())).code).toBe(0)
    const node = countersign('run', '--json', '--config', join(dir, 'signer.toml'))
    await node.line((line) => line.event === 'started')
    const at = ['--config', join(dir, 'signer.toml'), '--json']
    const { s2 } = JSON.parse((await ran('s2', 'status', ...at)).stdout)
    expect(s2).toMatchObject({ continuity: 'lost', lostReason: 'store_is_new' })
    expect((await ran('s2', 'accept', '--instance', '0'.repeat(16), ...at)).code).toBe(1)
    expect((await ran('s2', 'accept', '--instance', s2.instance, ...at)).code).toBe(0)
    expect(JSON.parse((await ran('s2', 'status', ...at)).stdout).s2).toMatchObject({ continuity: 'proven' })
    const journal = join(folder.dir, 'journal')
    expect((await ran('s2', 'journal', 'export', journal, ...at)).code).toBe(0)
    expect((await ran('s2', 'journal', 'import', journal, ...at)).code).toBe(0)
    await node.kill('SIGTERM')
  })

  it('R32: should know an older copy of its store when it is put back', async () => {
    const dir = join(folder.dir, 'restored')
    expect((await ran('init', '--dir', dir, '--s2', ...devnetFlags())).code).toBe(0)
    const config = join(dir, 'signer.toml')
    const runOnce = async (): Promise<Readonly<Record<string, unknown>>> => {
      const node = countersign('run', '--json', '--config', config)
      await node.line((line) => line.event === 'started')
      const { s2 } = JSON.parse((await ran('s2', 'status', '--json', '--config', config)).stdout)
      await node.kill('SIGTERM')
      return s2
    }
    expect(await runOnce()).toMatchObject({ continuity: 'proven' })
    const backup = join(folder.dir, 'backup')
    cpSync(join(dir, 'data'), backup, { recursive: true })
    expect(await runOnce()).toMatchObject({ continuity: 'proven' })
    rmSync(join(dir, 'data'), { recursive: true })
    renameSync(backup, join(dir, 'data'))
    expect(await runOnce()).toMatchObject({ continuity: 'lost', lostReason: 'store_is_older' })
  })
})

/** A node that reads the devnet's registry and stands in no set. */
function devnetFlags(): readonly string[] {
  const { chainUrl, contract, network } = devnet.description
  // Opening with an identity costs no scrypt.
  return [
    '--identity-file',
    identityFile,
    '--network',
    network,
    '--contract',
    contract,
    '--endpoint',
    chainUrl,
    '--listen',
    '/ip4/127.0.0.1/tcp/0',
  ]
}
