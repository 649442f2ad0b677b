/**
 * Nonces and partial signatures as bridge nodes ask for them: the whole service over a store on this machine's disk, in turns
 * with the same calls on the wasm, which keeps nothing.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '../../src/base/index.ts'
import { aggregateNonces, openS2Keys } from '../../src/crypto/index.ts'
import { curve, randomBytes, xOnly } from '../../src/curve/index.ts'
import {
  chainThreads,
  createInstanceFile,
  type MusigParams,
  type S2Outcome,
  type StoredS2Service,
  s2Service,
} from '../../src/signer/index.ts'
import { openStore } from '../../src/store/index.ts'
import { median } from '../rounds/measure.ts'
import type { Row } from '../rounds/row.ts'
import { zkpCalls } from './zkp-calls.ts'

const TARGET_RATIO = 3
const TAKES = 15
/** Calls of the wasm in one take. */
const WASM_CALLS = 100
/** Of one of 15 operators' graphs in a deposit, and of all of them. */
const BATCHES = [67, 1_005] as const
const IN_FLIGHT = 16

interface Bench {
  readonly service: StoredS2Service
  readonly params: MusigParams
  readonly aggNonce: Uint8Array
}
interface Spent {
  readonly cpuMs: number
  readonly wallMs: number
}

/** A service of a seed of its own in a folder of its own, with `n` signers. */
async function withService<T>(
  withJournal: boolean,
  run: (service: StoredS2Service, seed: Uint8Array) => Promise<T>,
): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'bench-s2-'))
  const store = openStore({ dir: join(dir, 'data'), logger: silentLogger })
  try {
    await store.start()
    const seed = randomBytes(32)
    const instanceFile = join(dir, 'instance')
    await createInstanceFile(instanceFile, ownKeyOf(seed), true)
    const service = s2Service({
      space: (name) => store.space(name),
      instanceFile,
      journalFile: withJournal ? join(dir, 'journal') : undefined,
      logger: silentLogger,
      onFatal: (error) => {
        throw error
      },
      openSeed: async () => Uint8Array.from(seed),
      expectedPublicKey: undefined,
      nonceMode: 'native',
      referenceAllowed: false,
      importedNoncesFile: undefined,
      chains: (material, logger) => chainThreads({ material, logger, threads: 2 }),
    })
    await service.start()
    try {
      return await run(service, seed)
    } finally {
      await service.stop()
    }
  } finally {
    await store.stop()
    await rm(dir, { recursive: true })
  }
}

const ownKeyOf = (seed: Uint8Array): Uint8Array => xOnly(curve.publicKeyOf(openS2Keys(seed).musig2))
const freshKey = (): Uint8Array => curve.publicKeyOf(curve.randomScalar())

function benchOf(service: StoredS2Service, seed: Uint8Array, n: number): Bench {
  const others = Array.from({ length: n - 1 }, () => xOnly(freshKey()))
  return {
    service,
    params: { orderedPublicKeys: [ownKeyOf(seed), ...others], tweak: { kind: 'key', merkleRoot: null } },
    aggNonce: aggregateNonces([Uint8Array.of(...freshKey(), ...freshKey())]),
  }
}

const freshForms = (count: number) =>
  Array.from({ length: count }, () => ({ kind: 'sighash', sighash: Uint8Array.from(randomBytes(32)) }) as const)
const requireAll = (outcomes: readonly S2Outcome[]): void => {
  for (const outcome of outcomes) if (!outcome.ok) throw new Error(`the service refused: ${outcome.reason}`)
}

/** Nonces of so many fresh sighashes, then their partial signatures. */
async function batch({ service, params, aggNonce }: Bench, count: number): Promise<void> {
  const forms = freshForms(count)
  requireAll(await service.musigNonces(params, forms))
  requireAll(
    await service.musigPartials(
      params,
      forms.map((form) => ({ form, aggNonce, message: form.sighash })),
    ),
  )
}
/** The same one by one, so many clients at once. */
const singly = (bench: Bench, count: number): Promise<unknown> =>
  Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      for (let i = 0; i < count / IN_FLIGHT; i++) await batch(bench, 1)
    }),
  )

async function spentOn(run: () => unknown): Promise<Spent> {
  const [cpu, begin] = [process.cpuUsage(), performance.now()]
  await run()
  const { user, system } = process.cpuUsage(cpu)
  return { cpuMs: (user + system) / 1000, wallMs: performance.now() - begin }
}

interface Contender {
  readonly name: string
  readonly calls: number
  readonly run: () => unknown
}
/** Per call and in ms; in turns, so that what disturbs the machine disturbs all. The first take of each warms up. */
async function inTurns(contenders: readonly Contender[]): Promise<ReadonlyMap<string, Spent>> {
  const taken = new Map(contenders.map(({ name }) => [name, [] as Spent[]]))
  for (let i = 0; i <= TAKES; i++)
    for (const { name, calls, run } of contenders) {
      const { cpuMs, wallMs } = await spentOn(run)
      if (i > 0) taken.get(name)?.push({ cpuMs: cpuMs / calls, wallMs: wallMs / calls })
    }
  const medianOf = (spent: readonly Spent[], of: keyof Spent) => median(spent.map((s) => s[of]))
  return new Map([...taken].map(([name, s]) => [name, { cpuMs: medianOf(s, 'cpuMs'), wallMs: medianOf(s, 'wallMs') }]))
}

export async function* serviceRows(): AsyncIterable<Row> {
  yield* await withService(false, async (plain, seed) =>
    withService(true, async (journalled, journalledSeed) => {
      const [five, fifteen] = [benchOf(plain, seed, 5), benchOf(plain, seed, 15)]
      const kept = benchOf(journalled, journalledSeed, 15)
      const secret = openS2Keys(seed).musig2
      const wasm = zkpCalls({
        keys: fifteen.params.orderedPublicKeys,
        secret,
        publicKey: curve.publicKeyOf(secret),
        aggNonce: fifteen.aggNonce,
      })
      const wasmCalls = () => {
        for (let i = 0; i < WASM_CALLS; i++) wasm(randomBytes(32))
      }
      const [small, large] = BATCHES
      const ours: readonly Contender[] = [
        { name: `n = 5, ${small} at once`, calls: small, run: () => batch(five, small) },
        { name: `n = 15, ${small} at once`, calls: small, run: () => batch(fifteen, small) },
        { name: `n = 15, ${large} at once`, calls: large, run: () => batch(fifteen, large) },
        { name: `n = 15, ${IN_FLIGHT} singly`, calls: 160, run: () => singly(fifteen, 160) },
        { name: `n = 15, ${small} at once, journal`, calls: small, run: () => batch(kept, small) },
        { name: `n = 15, ${IN_FLIGHT} singly, journal`, calls: 160, run: () => singly(kept, 160) },
      ]
      const spent = await inTurns([...ours, { name: 'wasm', calls: WASM_CALLS, run: wasmCalls }])
      const perSecond = (name: string, of: keyof Spent) => 1000 / (spent.get(name)?.[of] ?? Number.NaN)
      return ours.flatMap(({ name }) => rowsOf(name, perSecond)).concat(nByN(ours, perSecond))
    }),
  )
}

type PerSecond = (name: string, of: keyof Spent) => number

const rowsOf = (name: string, perSecond: PerSecond): readonly Row[] =>
  (['cpuMs', 'wallMs'] as const).map((of) => ({
    name: `${of === 'cpuMs' ? 'durable nonce and partial, ' : '  by the clock on the wall, '}${name}`,
    unit: of === 'cpuMs' ? 'per s CPU' : 'per s',
    ours: perSecond(name, of),
    baseline: perSecond('wasm', of),
    atLeast: true,
    targetRatio: TARGET_RATIO,
  }))

function nByN([five, fifteen]: readonly Contender[], perSecond: PerSecond): readonly Row[] {
  const of = (contender: Contender | undefined) => perSecond(contender?.name ?? '', 'cpuMs')
  const name = 'durable nonce and partial, n = 15 by 5'
  return [{ name, unit: 'per s CPU', ours: of(fifteen), baseline: of(five), atLeast: true, targetRatio: 0.9 }]
}
