/**
 * Nonces and partial signatures as bridge nodes ask for them: the whole service over a store on this machine's disk, in turns
 * with the same calls on the wasm, which keeps nothing.
 */
import { aggregateNonces, openS2Keys } from '../../src/crypto/index.ts'
import { curve, randomBytes, xOnly } from '../../src/curve/index.ts'
import type { MusigParams, S2Outcome, StoredS2Service } from '../../src/signer/index.ts'
import type { Row } from '../rounds/row.ts'
import { type OpenService, openService } from './open-service.ts'
import { zkpCalls } from './zkp-calls.ts'

const TARGET_RATIO = 3
const TAKES = 31
/** Calls of the wasm in one take. */
const WASM_CALLS = 40
/** Of one of 15 operators' graphs in a deposit, and of all of them. */
const BATCHES = [67, 1_005] as const
const IN_FLIGHT = 16
const SINGLE_CALLS = 10 * IN_FLIGHT

interface Bench {
  readonly service: StoredS2Service
  readonly params: MusigParams
  readonly aggNonce: Uint8Array
}
interface Spent {
  readonly cpuMs: number
  readonly wallMs: number
}

const freshKey = (): Uint8Array => curve.publicKeyOf(curve.randomScalar())

function benchOf({ service }: OpenService, n: number): Bench {
  const others = Array.from({ length: n - 1 }, () => xOnly(freshKey()))
  return {
    service,
    params: {
      orderedPublicKeys: [service.schnorrPublicKey('musig2'), ...others],
      tweak: { kind: 'key', merkleRoot: null },
    },
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

/** A quarter of the takes were faster: what else the machine does only ever adds, to short takes least often. */
const quartile = (spent: readonly Spent[], of: keyof Spent): number =>
  spent.map((s) => s[of]).toSorted((a, b) => a - b)[spent.length >> 2] ?? Number.NaN

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
  return new Map([...taken].map(([name, s]) => [name, { cpuMs: quartile(s, 'cpuMs'), wallMs: quartile(s, 'wallMs') }]))
}

export async function* serviceRows(): AsyncIterable<Row> {
  const [plain, journalled] = [await openService(false), await openService(true)]
  try {
    yield* await rowsOver(plain, journalled)
  } finally {
    await Promise.all([plain.stop(), journalled.stop()])
  }
}

async function rowsOver(plain: OpenService, journalled: OpenService): Promise<readonly Row[]> {
  const [five, fifteen, kept] = [benchOf(plain, 5), benchOf(plain, 15), benchOf(journalled, 15)]
  const secret = openS2Keys(plain.seed).musig2
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
    { name: `n = 15, ${IN_FLIGHT} singly`, calls: SINGLE_CALLS, run: () => singly(fifteen, SINGLE_CALLS) },
    { name: `n = 15, ${small} at once, journal`, calls: small, run: () => batch(kept, small) },
    { name: `n = 15, ${IN_FLIGHT} singly, journal`, calls: SINGLE_CALLS, run: () => singly(kept, SINGLE_CALLS) },
  ]
  const spent = await inTurns([...ours, { name: 'wasm', calls: WASM_CALLS, run: wasmCalls }])
  const perSecond = (name: string, of: keyof Spent) => 1000 / (spent.get(name)?.[of] ?? Number.NaN)
  return [...ours.flatMap(({ name }) => rowsOf(name, perSecond)), ...nByN(ours, perSecond)]
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
