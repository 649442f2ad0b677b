import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fromHex, type Logger, silentLogger, toHex } from '../../../../src/base/index.ts'
import { openS2Keys, wotsPublicKey, wotsSecretKey, wotsSign } from '../../../../src/crypto/index.ts'
import { curve, sha256, xOnly } from '../../../../src/curve/index.ts'
import {
  type ChainHasher,
  type ChainMaterial,
  createInstanceFile,
  type MusigForm,
  type MusigParams,
  type NonceMode,
  type S2Outcome,
  type S2StateError,
  type StoredS2Service,
  s2Service,
  type WotsJob,
} from '../../../../src/signer/index.ts'
import { openStore, type Space, type Store } from '../../../../src/store/index.ts'

export const SEED = fromHex('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f')
export const OWN_KEY = xOnly(curve.publicKeyOf(openS2Keys(SEED).musig2))

/** Where a node of these tests lives. */
export interface Home {
  readonly dir: string
  readonly data: string
  readonly instance: string
  readonly journal: string
}
export const homeIn = (dir: string): Home => ({
  dir,
  data: join(dir, 'data'),
  instance: join(dir, 'etc', 's2.instance'),
  journal: join(dir, 'elsewhere', 's2.journal'),
})

/** Hash chains without threads. */
export const inlineChains = ({ wots128Material, wots256Material }: ChainMaterial): ChainHasher => {
  const secretOf = ({ bits, place }: WotsJob) =>
    wotsSecretKey(bits === 128 ? wots128Material : wots256Material, bits, place)
  return {
    load: { threads: 0, leaving: 0, unmade: 0, queued: 0, cacheBytes: 0 },
    start: async () => {},
    publicKeys: async (jobs) => jobs.map((job) => wotsPublicKey(secretOf(job))),
    signature: async (job, message) => wotsSign(secretOf(job), message),
    stop: async () => {},
  }
}

export interface RunOptions {
  readonly mode?: NonceMode
  readonly hasJournal?: boolean
  readonly referenceAllowed?: boolean
  readonly importedNoncesFile?: string
  readonly maxIdle?: number
  readonly watchMs?: number
  readonly expectedPublicKey?: Uint8Array
  readonly seed?: Uint8Array
  /** Stands between the service and the disk. */
  readonly disk?: (space: Space, name: string) => Space
  readonly chains?: (material: ChainMaterial) => ChainHasher
  readonly logger?: Logger
}

export interface Running {
  readonly service: StoredS2Service
  readonly store: Store
  readonly fatal: readonly S2StateError[]
  stop(): Promise<void>
}

/** Not started yet. */
export function serviceOver(
  space: (name: string) => Space,
  home: Home,
  options: RunOptions = {},
): { readonly service: StoredS2Service; readonly fatal: readonly S2StateError[] } {
  const fatal: S2StateError[] = []
  const service = s2Service({
    space: (name) => options.disk?.(space(name), name) ?? space(name),
    instanceFile: home.instance,
    journalFile: options.hasJournal === true ? home.journal : undefined,
    logger: options.logger ?? silentLogger,
    onFatal: (error) => fatal.push(error),
    ...(options.maxIdle === undefined ? {} : { maxIdle: options.maxIdle }),
    ...(options.watchMs === undefined ? {} : { watchMs: options.watchMs }),
    openSeed: async () => Uint8Array.from(options.seed ?? SEED),
    expectedPublicKey: options.expectedPublicKey,
    nonceMode: options.mode ?? 'native',
    referenceAllowed: options.referenceAllowed ?? true,
    importedNoncesFile: options.importedNoncesFile,
    chains: options.chains ?? inlineChains,
  })
  return { service, fatal }
}

/** A service over a real store, as one process of a node has it. */
export async function run(home: Home, options: RunOptions = {}): Promise<Running> {
  const store = openStore({ dir: home.data, logger: silentLogger })
  await store.start()
  const { service, fatal } = serviceOver((name) => store.space(name), home, options)
  try {
    await service.start()
  } catch (error) {
    await store.stop()
    throw error
  }
  const stop = async () => {
    await service.stop()
    await store.stop()
  }
  return { service, store, fatal, stop }
}

/** A seed that was made here, and its first run. */
export async function freshRun(home: Home, options: RunOptions = {}): Promise<Running> {
  if (!existsSync(home.instance)) await newInstance(home)
  return run(home, options)
}

export async function newInstance(home: Home, isFresh = true): Promise<void> {
  await createInstanceFile(home.instance, OWN_KEY, isFresh)
}

export const bytes = (fill: number, length = 32): Uint8Array => new Uint8Array(length).fill(fill)
export const sighash = (n: number): MusigForm => ({ kind: 'sighash', sighash: messageOf(n) })
export const outpoint = (n: number): MusigForm => ({ kind: 'outpoint', txid: messageOf(n), vout: n })
export const messageOf = (n: number): Uint8Array => sha256(Uint8Array.of(n >> 8, n & 255))

/** x-only keys of other signers, the same each time. */
export const others = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => xOnly(curve.publicKeyOf(messageOf(50_000 + i))))
export const paramsOf = (count = 3): MusigParams => ({
  orderedPublicKeys: [OWN_KEY, ...others(count - 1)],
  tweak: { kind: 'key', merkleRoot: null },
})
/** A valid aggregate nonce: two points. */
export const aggNonceOf = (n: number): Uint8Array => {
  const [a, b] = [messageOf(1_000 + n), messageOf(2_000 + n)].map((s) => curve.publicKeyOf(s))
  return Uint8Array.from([...(a ?? []), ...(b ?? [])])
}

export const wotsJob = (n: number, bits: 128 | 256 = 128): WotsJob => ({
  bits,
  place: { txid: messageOf(n), vout: n, index: 0 },
})

/** The one outcome as text: its value as hex, or why not. */
export const only = (outcomes: readonly S2Outcome[]): string => {
  const [one, ...more] = outcomes.map(textOf)
  if (one === undefined || more.length > 0) throw new Error('expected one outcome')
  return one
}
export const textOf = (outcome: S2Outcome): string => (outcome.ok ? toHex(outcome.value) : outcome.reason)

export const nonce = async ({ service }: Running, form: MusigForm, params = paramsOf()): Promise<string> =>
  only(await service.musigNonces(params, [form]))
export const partial = async (
  { service }: Running,
  form: MusigForm,
  aggNonce = aggNonceOf(0),
  message = form.kind === 'sighash' ? form.sighash : messageOf(9),
  params = paramsOf(),
): Promise<string> => only(await service.musigPartials(params, [{ form, aggNonce, message }]))

/** What was answered: hex of more than a code has. */
export const ANSWER: RegExp = /^[0-9a-f]{64,}$/
