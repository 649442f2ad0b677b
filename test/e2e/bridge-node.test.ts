import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { countersign, temporaryFolder } from './countersign.ts'
import { type RunningDevnet, startDevnet } from './devnet.ts'

const EXAMPLE = resolve(import.meta.dirname, '../../examples/bridge-node/main.ts')
/** The seed of test/vectors/s2.json, and its MuSig2 key. */
const SEED = Uint8Array.from({ length: 32 }, (_, i) => i)
const MUSIG2_KEY = '72f25da7bef6594602a7b4820cfb3e137fe7cd3faee2fdcc544558a7ecbd9b68'
const SIZE = ['--operators', '3', '--inputs', '10']

type Json = Readonly<Record<string, unknown>>

describe('a bridge node at a devnet', () => {
  const seed = temporaryFolder()
  let net: RunningDevnet
  beforeAll(async () => {
    const file = join(seed.dir, 'seed.bin')
    writeFileSync(file, SEED, { mode: 0o600 })
    net = await startDevnet('--signers', '3', '--s2-seed-file', file, '--nonce-mode', 'reference')
  }, 180_000)
  afterAll(async () => {
    await net.stop()
    seed.remove()
  }, 60_000)

  const server = () => ['--to', net.description.signers[0]?.addresses[0] ?? '', '--key', net.description.bridge.keyFile]

  /** The example as its README starts it; `killAfterMs` ends it like a crash. */
  const bridge = (args: readonly string[], killAfterMs = 0): Promise<Json> =>
    new Promise((done) => {
      const kill = killAfterMs === 0 ? {} : { timeout: killAfterMs, killSignal: 'SIGKILL' as const }
      execFile(process.execPath, [EXAMPLE, ...server(), ...SIZE, ...args], kill, (error, stdout, stderr) => {
        if (killAfterMs === 0 && stderr !== '') throw new Error(stderr, { cause: error })
        done(stdout === '' ? { killed: true } : JSON.parse(stdout))
      })
    })
  const call = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await countersign('call', ...server(), ...args).finished
    expect(stderr).toBe('')
    return { code, result: JSON.parse(stdout) }
  }

  it('should do all the calls of a deposit, and be given the same answers when it does them again', async () => {
    const first = await bridge(['--deposit', 'one'])
    expect(first).toMatchObject({ ok: true, publicKeys: 379, nonces: 30, partials: 30 })
    expect(first.signer).toBe(net.description.signers[0]?.peerId)
    expect((await bridge(['--deposit', 'one'])).answers).toBe(first.answers)
    expect((await bridge(['--deposit', 'two'])).answers).not.toBe(first.answers)
  }, 120_000)

  it('should go on after a crash in the middle, with the answers that it would have got without one', async () => {
    // Somewhere in its start, its first batches, its signatures: wherever that is, what was answered stands.
    for (const killAfterMs of [400, 600, 800, 1_000]) await bridge(['--deposit', 'three'], killAfterMs)
    const done = await bridge(['--deposit', 'three'])
    expect(done).toMatchObject({ ok: true, partials: 30 })
    expect((await bridge(['--deposit', 'three'])).answers).toBe(done.answers)
  }, 120_000)

  it('should say what is wrong in one line', async () => {
    expect(await bridge(['--deposit', 'x'.repeat(64)])).toEqual({
      ok: false,
      error: { code: 'BAD_REQUEST', message: expect.any(String) },
    })
  }, 60_000)

  it('countersign call should speak to the same service, with the same words', async () => {
    const key = await call('schnorr.public_key', '{"target":"musig2"}')
    expect(key).toEqual({ code: 0, result: { public_key: MUSIG2_KEY } })
    const place = { txid: '22'.repeat(32), vout: 0, index: 0 }
    const signature = await call('wots.get_128_signature', JSON.stringify({ ...place, message: '00'.repeat(16) }))
    expect(signature.code).toBe(0)
    expect(signature.result.signature).toMatch(/^[0-9a-f]{1512}$/)
    const other = await call('wots.get_128_signature', JSON.stringify({ ...place, message: '01'.repeat(16) }))
    expect(other).toEqual({
      code: 1,
      result: { error: { code: 'EQUIVOCATION', message: expect.any(String), request_id: expect.any(Number) } },
    })
    const exported = await call('wots.get_256_secret_key', JSON.stringify({ ...place, index: 1 }))
    expect(exported.result.secret_key).toHaveLength(2 * 1_360)
  }, 60_000)

  it('countersign call should give the values of the reference', async () => {
    const vectors = JSON.parse(readFileSync(resolve(import.meta.dirname, '../vectors/s2.json'), 'utf8'))
    expect(vectors.seed).toBe(Buffer.from(SEED).toString('hex'))
    const [{ txid, vout, stake_index, preimage }] = vectors.preimages
    const params = { prestake_txid: txid, prestake_vout: vout, stake_index }
    expect((await call('preimages.get_preimage', JSON.stringify(params))).result).toEqual({ preimage })
  }, 60_000)
})
