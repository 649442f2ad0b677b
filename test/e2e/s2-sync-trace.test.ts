import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromHex, silentLogger, toHex } from '../../src/base/index.ts'
import { openMusigKeys, openS2Keys } from '../../src/crypto/index.ts'
import { curve, randomBytes, xOnly } from '../../src/curve/index.ts'
import { type EmbeddedChain, startChain } from '../../src/devnet/chain/index.ts'
import type { Client } from '../../src/rpc/client/index.ts'
import { otherAggNonces } from '../fixtures/musig2-recover.ts'
import { temporaryFolder } from './countersign.ts'
import { SeedNode } from './seed-node.ts'

const folder = temporaryFolder()
const SEED = randomBytes(32)
const KEYS = [openMusigKeys(openS2Keys(SEED)).xOnly, xOnly(curve.publicKeyOf(curve.randomScalar()))].map(toHex)
const PAIR = { ordered_pubkeys: KEYS, tweak: { kind: 'script' } }
/** Their answer is larger than all else that the node sends meanwhile. */
const ITEMS = 64
const LARGE_BYTES = 1_024

/** Not every machine has it, or lets a process be looked at. */
const hasStrace = spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0

let chain: EmbeddedChain
let node: SeedNode
let client: Client
let strace: ChildProcess | undefined
beforeAll(async () => {
  if (!hasStrace) return
  chain = await startChain({
    deployerAddress: 'SN3R84XZYA63QS28932XQF3G1J8R9PC3W76P9CSQS',
    blockIntervalMs: 1_000,
    logger: silentLogger,
  })
  node = await SeedNode.make({ dir: join(folder.dir, 'node'), chain, seed: SEED, nonceMode: 'native' })
  await node.start()
  client = await node.client()
})
afterAll(async () => {
  strace?.kill('SIGTERM')
  await node?.close()
  await chain?.stop()
  folder.remove()
})

/** What the operating system was asked, in order: `synced FILE` when that is done, `sent N` when it begins. */
function callsIn(trace: string): readonly string[] {
  const syncing = new Map<string, string>()
  return trace.split('\n').flatMap((line) => {
    const [, thread = '', call = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
    const [, file] = /^f(?:data)?sync\(\d+<([^>]*)>/.exec(call) ?? []
    if (file !== undefined && call.includes('<unfinished')) syncing.set(thread, file)
    else if (file !== undefined) return [`synced ${file}`]
    if (/^<\.\.\. f(?:data)?sync resumed>.*= 0/.test(call)) return [`synced ${syncing.get(thread)}`]
    if (!/^(?:write|writev|sendto|sendmsg)\(\d+<TCP/.test(call)) return []
    const [, size] = /(?:= |, )(\d+)(?: <unfinished \.\.\.>)?$/.exec(call) ?? []
    return Number(size) >= LARGE_BYTES ? [`sent ${size}`] : []
  })
}

describe.skipIf(!hasStrace)('the system calls of a node', () => {
  it('R30: should sync the bindings of a batch before its answer is sent', async () => {
    const sighashes = Array.from({ length: ITEMS }, () => toHex(randomBytes(32)))
    const nonces = await client.call('musig2.get_pub_nonce_batch', { ...PAIR, sighashes })
    const items = (nonces.items as readonly { readonly pub_nonce: string }[]).map(({ pub_nonce }, i) => ({
      sighash: sighashes[i],
      aggnonce: otherAggNonces(fromHex(pub_nonce), 1).map(toHex)[0],
    }))
    const file = join(folder.dir, 'trace')
    const pid = String(node.process?.child.pid)
    const asked = ['-f', '-yy', '-s', '0', '-e', 'trace=fdatasync,fsync,write,writev,sendto,sendmsg', '-o', file]
    strace = spawn('strace', [...asked, '-p', pid], { stdio: ['ignore', 'ignore', 'pipe'] })
    let told = ''
    strace.stderr?.on('data', (chunk) => {
      told += String(chunk)
    })
    await expect.poll(() => told, { timeout: 30_000 }).toMatch(/attached/)
    const answer = await client.call('musig2.get_our_partial_sig_batch', { ...PAIR, items })
    expect(answer.items).toHaveLength(ITEMS)
    expect(JSON.stringify(answer)).not.toContain('"code"')
    const ended = new Promise((done) => strace?.once('close', done))
    strace.kill('SIGINT')
    await ended
    expect(existsSync(file)).toBe(true)
    const calls = callsIn(readFileSync(file, 'utf8'))
    const sent = calls.findIndex((call) => call.startsWith('sent'))
    const synced = calls.findIndex((call) => /synced .*\/data\/store\/\d+\.log/.test(call))
    expect({ calls, isSent: sent >= 0, isSynced: synced >= 0 }).toMatchObject({ isSent: true, isSynced: true })
    expect(synced).toBeLessThan(sent)
  })
})
