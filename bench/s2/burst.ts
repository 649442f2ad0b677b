/** The one-time public keys of one deposit, on threads: how long it takes, and how long it keeps the event loop from its turns. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { silentLogger } from '../../src/base/index.ts'
import { wotsPublicKey, wotsSecretKey } from '../../src/crypto/index.ts'
import { randomBytes } from '../../src/curve/index.ts'
import { type ChainHasher, chainThreads, type WotsJob } from '../../src/signer/index.ts'
import { type Hash160, nobleHash160, publicKeyBy, wasmHash160 } from '../baseline/hash160.ts'
import { median } from '../rounds/measure.ts'
import type { Row } from '../rounds/row.ts'

const RUNS = 9
const SIGNATURES = 256
/** As many as the target is stated for. */
const THREADS = 2

const material = { wots128Material: randomBytes(32), wots256Material: randomBytes(32) }
const open = (): ChainHasher => chainThreads({ material, logger: silentLogger, threads: THREADS })

/** 226,496 hashes and 0.28 MB, of an output that nobody has asked for yet. */
function deposit(): readonly WotsJob[] {
  const txid = randomBytes(32)
  return Array.from({ length: 379 }, (_, index) => ({ bits: index < 16 ? 256 : 128, place: { txid, vout: 0, index } }))
}
const secretKeyOf = ({ bits, place }: WotsJob): Uint8Array =>
  wotsSecretKey(bits === 128 ? material.wots128Material : material.wots256Material, bits, place)

async function wallMs(run: () => unknown): Promise<number> {
  const begin = performance.now()
  await run()
  return performance.now() - begin
}
async function medianWallMs(runs: number, run: () => unknown): Promise<number> {
  const taken: number[] = []
  for (let i = 0; i < runs; i++) taken.push(await wallMs(run))
  return median(taken)
}

/** Longest time that a timer of 1 ms came late while `run` ran. */
async function longestBlockMs(run: () => Promise<unknown>): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  await run()
  delay.disable()
  return delay.max / 1e6
}

/** CPU of all threads and of this one, in ms: what a busy machine does not change much. */
async function cpuOf(run: () => Promise<unknown>): Promise<{ all: number; own: number }> {
  const [all, own] = [process.cpuUsage(), process.threadCpuUsage()]
  await run()
  const [spent, spentHere] = [process.cpuUsage(all), process.threadCpuUsage(own)]
  return { all: (spent.user + spent.system) / 1_000, own: (spentHere.user + spentHere.system) / 1_000 }
}

const onOneThread = (publicKeyOf: (secretKey: Uint8Array) => Uint8Array) => () => {
  for (const job of deposit()) publicKeyOf(secretKeyOf(job))
}
const ms = (name: string, ours: number, more: Partial<Row> = {}): Row => ({ name, unit: 'ms wall', ours, ...more })

export async function* burst(): AsyncIterable<Row> {
  const wasm: Hash160 = await wasmHash160()
  const one = await medianWallMs(5, onOneThread(wotsPublicKey))
  const byWasm = await medianWallMs(
    5,
    onOneThread((key) => publicKeyBy(wasm, key)),
  )
  const noble = await medianWallMs(
    5,
    onOneThread((key) => publicKeyBy(nobleHash160, key)),
  )
  yield ms('379 one-time public keys, one thread', one, { baseline: noble })
  yield ms('the same, beside hash-wasm', one, { baseline: byWasm })

  const cold = open()
  yield ms('the same on 2 threads, not yet begun', await wallMs(() => cold.publicKeys(deposit())), { baseline: noble })
  await cold.stop()

  const hasher = open()
  yield ms('start of 2 threads', await wallMs(() => hasher.start()))
  const run = () => hasher.publicKeys(deposit())
  yield ms('379 one-time public keys, 2 threads, warm', await medianWallMs(RUNS, run), { target: 200, baseline: noble })
  const cpu: { all: number; own: number }[] = []
  for (let i = 0; i < RUNS; i++) cpu.push(await cpuOf(run))
  yield { name: 'CPU of a burst, all threads', unit: 'ms CPU', ours: median(cpu.map((c) => c.all)), target: 400 }
  yield { name: 'of which the event loop', unit: 'ms CPU', ours: median(cpu.map((c) => c.own)), target: 50 }
  const blocks: number[] = []
  for (let i = 0; i < RUNS; i++) blocks.push(await longestBlockMs(run))
  yield { name: 'longest block of the event loop, 9 bursts', unit: 'ms', ours: Math.max(...blocks), target: 50 }
  const known = deposit()
  await hasher.publicKeys(known)
  yield ms('the same keys again', await medianWallMs(RUNS, () => hasher.publicKeys(known)))

  const message = randomBytes(32)
  const signed = deposit().slice(0, 1)
  const each = await medianWallMs(RUNS, () => Promise.all(signed.map((job) => hasher.signature(job, message))))
  yield ms('a signature of 256 bits', each)
  const many = Array.from({ length: SIGNATURES }, () => ({ bits: 256, place: placeOf() }) as const)
  const block = await longestBlockMs(() => Promise.all(many.map((job) => hasher.signature(job, message))))
  yield { name: `longest block, ${SIGNATURES} signatures at once`, unit: 'ms', ours: block, target: 50 }
  await hasher.stop()
}

const placeOf = () => ({ txid: randomBytes(32), vout: 0, index: 0 })
