import {
  aggregateNonces,
  type MusigContext,
  type MusigKeys,
  makeNonce,
  OneShotNonce,
  openMusig,
  openMusigKeys,
  openMusigSession,
} from '../../src/crypto/index.ts'
import { type Curve, nativeCurve, nobleCurve, xOnly } from '../../src/curve/index.ts'
import { musig } from '../baseline/zkp.ts'
import { cpuMs, median } from '../rounds/measure.ts'
import type { Row } from '../rounds/row.ts'

const TAKES = 21
/** Calls in one take: about as long for each. */
const CALLS = { native: 150, noble: 4, wasm: 40 } as const
/** For the whole path of the service, with bindings on disk; this is a part of it. */
const TARGET_RATIO = 3
/** Of the graphs of one operator in a deposit. */
const BATCH = 50

interface Setting {
  readonly keys: readonly Uint8Array[]
  readonly secret: Uint8Array
  readonly material: Uint8Array
  readonly aggNonce: Uint8Array
}
type Run = (sighash: Uint8Array) => unknown

function setting(n: number): Setting {
  const fresh = () => {
    const secret = nobleCurve.randomScalar()
    return nobleCurve.publicKeyOf(secret)[0] === 2 ? secret : nobleCurve.negateScalar(secret)
  }
  const secrets = Array.from({ length: n }, fresh)
  const nonces = secrets.map(() => {
    const [a, b] = [nobleCurve.publicKeyOf(fresh()), nobleCurve.publicKeyOf(fresh())]
    return Uint8Array.of(...a, ...b)
  })
  return {
    keys: secrets.map((s) => xOnly(nobleCurve.publicKeyOf(s))),
    secret: secrets[0] ?? fresh(),
    material: nobleCurve.randomScalar(),
    aggNonce: aggregateNonces(nonces),
  }
}

function opened(s: Setting, port: Curve): { readonly keys: MusigKeys; readonly context: MusigContext } {
  const keys = openMusigKeys({ musig2: s.secret, nonceMaterial: s.material }, port)
  const params = { orderedPublicKeys: s.keys, tweak: { kind: 'key', merkleRoot: null } } as const
  return { keys, context: openMusig(params, keys.xOnly, port) }
}

/** Nonce and partial signature, verified, as a service makes them of one request each. */
function ours(s: Setting, port: Curve): Run {
  const { keys, context } = opened(s, port)
  return (sighash) =>
    makeNonce(context, keys, { mode: 'reference', form: { kind: 'sighash', sighash } }).sign(s.aggNonce, sighash)
}

/** The same of a batch: nonces first, then partial signatures that are verified together. Once for each `BATCH` calls. */
function oursInBatches(s: Setting, port: Curve): Run {
  const { keys, context } = opened(s, port)
  const sourceOf = (sighash: Uint8Array) => ({ mode: 'reference', form: { kind: 'sighash', sighash } }) as const
  let waiting: { readonly sighash: Uint8Array; readonly publicNonce: Uint8Array }[] = []
  return (sighash) => {
    const own = Uint8Array.from(sighash)
    waiting.push({ sighash: own, publicNonce: makeNonce(context, keys, sourceOf(own)).publicNonce })
    if (waiting.length < BATCH) return
    const requests = waiting.map(({ sighash, publicNonce }) => ({
      nonce: makeNonce(context, keys, sourceOf(sighash), publicNonce),
      session: openMusigSession(context, s.aggNonce, sighash),
    }))
    waiting = []
    if (OneShotNonce.signAll(requests).some((one) => !one.ok)) throw new Error('we signed wrong')
  }
}

/** The same calls, with keys that were aggregated before as well. */
function theirs(s: Setting): Run {
  const publicKey = nobleCurve.publicKeyOf(s.secret)
  const { keyaggCache } = musig.pubkeyAgg(s.keys.map((key) => Uint8Array.of(2, ...key)))
  return (sighash) => {
    const { secNonce, pubNonce } = musig.nonceGen(sighash, publicKey)
    const session = musig.nonceProcess(s.aggNonce, sighash, keyaggCache)
    const partial = musig.partialSign(secNonce, s.secret, keyaggCache, session)
    if (!musig.partialVerify(partial, pubNonce, publicKey, keyaggCache, session))
      throw new Error('the wasm signed wrong')
  }
}

/** Calls per second of CPU, in turns, so that what disturbs the machine disturbs all. */
function perSecond(runs: readonly { readonly calls: number; readonly run: Run }[]): readonly number[] {
  const sighash = new Uint8Array(32).fill(1)
  const view = new DataView(sighash.buffer)
  let made = 0
  const take = ({ calls, run }: { readonly calls: number; readonly run: Run }) =>
    cpuMs(() => {
      for (let i = 0; i < calls; i++) {
        view.setUint32(0, made++)
        run(sighash)
      }
    }) / calls
  for (const each of runs) take(each)
  const taken = runs.map((): number[] => [])
  for (let i = 0; i < TAKES; i++) for (const [at, each] of runs.entries()) taken[at]?.push(take(each))
  return taken.map((ms) => 1000 / median(ms))
}

/** MuSig2 nonces and partial signatures beside libsecp256k1-zkp in wasm, and what they are made of. */
export function* musig2Rows(): Generator<Row> {
  const native = nativeCurve()
  const [five, fifteen] = [setting(5), setting(15)]
  const [five_, fifteen_, wasm5, wasm15, noble5, batches] = perSecond([
    { calls: CALLS.native, run: ours(five, native) },
    { calls: CALLS.native, run: ours(fifteen, native) },
    { calls: CALLS.wasm, run: theirs(five) },
    { calls: CALLS.wasm, run: theirs(fifteen) },
    { calls: CALLS.noble, run: ours(five, nobleCurve) },
    { calls: CALLS.native, run: oursInBatches(fifteen, native) },
  ]) as [number, number, number, number, number, number]
  const unit = 'per s'
  const whole = 'MuSig2 nonce and verified partial'
  const beside = { unit, atLeast: true, targetRatio: TARGET_RATIO }
  yield { ...beside, name: `${whole}, n = 5`, ours: five_, baseline: wasm5 }
  yield { ...beside, name: `${whole}, n = 15`, ours: fifteen_, baseline: wasm15 }
  yield { name: `${whole}, n = 15 by 5`, unit, ours: fifteen_, baseline: five_, atLeast: true, targetRatio: 0.9 }
  yield { ...beside, name: `${whole}, n = 15, ${BATCH} at once`, ours: batches, baseline: wasm15 }
  yield { name: `${whole}, n = 5, on noble`, unit, ours: noble5, baseline: wasm5 }
  yield* parts(fifteen, native)
}

/** What the service does of a request and when: each alone, in calls per second. */
function* parts(s: Setting, port: Curve): Generator<Row> {
  const { keys, context } = opened(s, port)
  const source = (sighash: Uint8Array) => ({ mode: 'reference', form: { kind: 'sighash', sighash } }) as const
  const kept = new Uint8Array(66)
  const names = ['nonce alone', 'nonce again, its public half kept', 'session', 'key of 15 aggregated and tweaked']
  const each = perSecond([
    { calls: CALLS.native, run: (sighash) => makeNonce(context, keys, source(sighash)) },
    { calls: CALLS.native, run: (sighash) => makeNonce(context, keys, source(sighash), kept) },
    { calls: CALLS.native, run: (sighash) => openMusigSession(context, s.aggNonce, sighash) },
    { calls: CALLS.wasm, run: () => opened(s, port) },
  ])
  for (const [i, name] of names.entries()) yield { name: `MuSig2 ${name}`, unit: 'per s', ours: each[i] ?? Number.NaN }
}
