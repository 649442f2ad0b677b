import * as scure from '@scure/btc-signer/musig2.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { asZkpNonce, scalarsOf, musig as zkp } from '../../../../bench/baseline/zkp.ts'
import { concatBytes, toHex } from '../../../../src/base/index.ts'
import {
  type AggregateKey,
  aggregateKeys,
  aggregateNonces,
  aggregatePartials,
  generateNonces,
  type MusigTweak,
  makeNonce,
  type NonceInputs,
  openMusig,
  openMusigKeys,
  partialSignature,
  publicNonceOf,
  sessionValues,
  sortKeys,
  tweakKey,
  verifyPartial,
  weightOf,
} from '../../../../src/crypto/index.ts'
import { type Curve, hkdfSha256, nobleCurve, taggedHash, xOnly } from '../../../../src/curve/index.ts'
import { BACKENDS, bytes32, ORDER } from '../../curve/values.ts'

/** Sessions; `MUSIG_FUZZ_RUNS=5000` for a long run. Keys are made twice, nonces four times as often. */
const RUNS = Number(process.env.MUSIG_FUZZ_RUNS ?? 40)
const check = <T>(runs: number, arbitrary: fc.Arbitrary<T>, predicate: (value: T) => void) =>
  fc.assert(fc.property(arbitrary, predicate), { numRuns: runs, ignoreEqualValues: false })
const DEADLINE_MS = 60_000 + 600 * RUNS

const scalar = fc.oneof(
  { weight: 6, arbitrary: fc.bigInt({ min: 1n, max: ORDER - 1n }).map(bytes32) },
  { weight: 1, arbitrary: fc.constantFrom(...[1n, 2n, ORDER - 2n, ORDER - 1n].map(bytes32)) },
)
const b32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const some = (maxLength: number) => fc.uint8Array({ maxLength })
const tweak = fc.record({ tweak: scalar, isXOnly: fc.boolean() })
const secrets = fc.array(scalar, { minLength: 1, maxLength: 4 })
const pointOf = (secret: Uint8Array) => nobleCurve.publicKeyOf(secret)
const evenOf = (secret: Uint8Array) =>
  pointOf(secret)[0] === 2 ? Uint8Array.from(secret) : nobleCurve.negateScalar(secret)

/** The same on all backends, in hex; throws where they differ. */
function same(compute: (port: Curve) => Uint8Array): string {
  const [first, ...more] = BACKENDS.map((port) => toHex(compute(port)))
  if (first === undefined || more.some((other) => other !== first)) throw new Error(`${first} is not ${more.join()}`)
  return first
}
const keyOf = (keys: readonly Uint8Array[], tweaks: readonly { tweak: Uint8Array; isXOnly: boolean }[], port: Curve) =>
  tweaks.reduce<AggregateKey>((key, t) => tweakKey(key, t.tweak, t.isXOnly, port), aggregateKeys(keys, port))

describe('MuSig2 beside @scure/btc-signer and libsecp256k1-zkp', () => {
  it(
    'should agree on keys, tweaked and not, twice the same ones too',
    () => {
      const lists = fc.record({
        secrets: fc.array(scalar, { minLength: 1, maxLength: 7 }),
        again: fc.array(fc.nat(6), { maxLength: 3 }),
        tweaks: fc.array(tweak, { maxLength: 3 }),
        sort: fc.boolean(),
      })
      check(2 * RUNS, lists, ({ secrets, again, tweaks, sort }) => {
        const points = secrets.map(pointOf)
        const unsorted = [...points, ...again.flatMap((i) => points.slice(i, i + 1))]
        const keys = sort ? [...sortKeys(unsorted)] : unsorted
        if (sort) expect(keys.map(toHex)).toEqual(scure.sortKeys(unsorted).map(toHex))
        const ours = same((port) => xOnly(keyOf(keys, tweaks, port).point))
        const theirs = scure.keyAggregate(
          keys,
          tweaks.map((t) => t.tweak),
          tweaks.map((t) => t.isXOnly),
        )
        expect(ours).toBe(toHex(scure.keyAggExport(theirs)))
        if (tweaks.some((t) => !t.isXOnly)) return
        let { aggPubkey, keyaggCache } = zkp.pubkeyAgg(keys)
        for (const t of tweaks) {
          const tweaked = zkp.pubkeyXonlyTweakAdd(keyaggCache, t.tweak)
          aggPubkey = xOnly(tweaked.pubkey)
          keyaggCache = tweaked.keyaggCache
        }
        expect(ours).toBe(toHex(aggPubkey))
      })
    },
    DEADLINE_MS,
  )

  it(
    'should agree on nonces, whatever goes into them',
    () => {
      const inputs = fc.record(
        {
          rand: b32,
          secret: scalar,
          hedged: fc.boolean(),
          aggregateKey: b32,
          message: some(100),
          extraInput: some(70),
        },
        { requiredKeys: ['rand', 'secret', 'hedged'] },
      )
      check(4 * RUNS, inputs, ({ secret, hedged, ...rest }) => {
        const publicKey = pointOf(secret)
        const given: NonceInputs = { ...rest, publicKey, ...(hedged ? { secretKey: secret } : {}) }
        const ours = same((port) => {
          const pair = generateNonces(given, port)
          return concatBytes(pair.first, pair.second, publicKey, publicNonceOf(pair, port))
        })
        const theirs = scure.nonceGen(
          publicKey,
          given.secretKey,
          given.aggregateKey,
          given.message,
          given.extraInput,
          Uint8Array.from(given.rand),
        )
        expect(ours).toBe(toHex(concatBytes(theirs.secret, theirs.public)))
        if (Object.keys(given).length > 2 || given.rand.every((byte) => byte === 0)) return
        const wasm = zkp.nonceGen(given.rand, publicKey)
        expect(ours).toBe(toHex(concatBytes(scalarsOf(wasm.secNonce), publicKey, wasm.pubNonce)))
      })
    },
    DEADLINE_MS,
  )

  it(
    'should agree on partial signatures and what they add up to, which BIP340 verifies',
    () => {
      const sessions = fc.record({
        secrets,
        tweaks: fc.array(tweak, { maxLength: 2 }),
        message: fc.oneof({ weight: 3, arbitrary: b32 }, { weight: 1, arbitrary: some(80) }),
        rand: b32,
      })
      check(RUNS, sessions, ({ secrets, tweaks, message, rand }) => {
        const keys = secrets.map(pointOf)
        const pairOf = (i: number, port: Curve) =>
          generateNonces({ rand: rand.map((b) => b ^ i), publicKey: keys[i] ?? rand }, port)
        const publicNonces = keys.map((_, i) => publicNonceOf(pairOf(i, nobleCurve), nobleCurve))
        const aggNonce = aggregateNonces(publicNonces, nobleCurve)
        expect(toHex(aggNonce)).toBe(same((port) => aggregateNonces(publicNonces, port)))
        expect(toHex(aggNonce)).toBe(toHex(scure.nonceAggregate(publicNonces)))

        const signed = (port: Curve) => {
          const key = keyOf(keys, tweaks, port)
          const session = sessionValues(xOnly(key.point), aggNonce, message, port)
          const partials = secrets.map((secret, i) => {
            const publicKey = keys[i] ?? rand
            const weight = weightOf(key, publicKey, port)
            const partial = partialSignature(pairOf(i, port), secret, weight, session, port)
            const signer = { publicKey, publicNonce: publicNonces[i] ?? rand, weight }
            expect(verifyPartial(partial, signer, session, port)).toBe(true)
            expect(verifyPartial(port.addScalars(partial, bytes32(1n)), signer, session, port)).toBe(false)
            return partial
          })
          const signature = aggregatePartials(partials, key, session, port)
          for (const verifier of BACKENDS)
            expect(verifier.schnorrVerify(signature, message, xOnly(key.point))).toBe(true)
          return [...partials, signature]
        }
        const ours = same((port) => concatBytes(...signed(port)))

        const theirs = new scure.Session(
          aggNonce,
          keys,
          message,
          tweaks.map((t) => t.tweak),
          tweaks.map((t) => t.isXOnly),
        )
        const partials = secrets.map((secret, i) => {
          const pair = pairOf(i, nobleCurve)
          return theirs.sign(concatBytes(pair.first, pair.second, keys[i] ?? rand), secret, true)
        })
        expect(ours).toBe(toHex(concatBytes(...partials, theirs.partialSigAgg(partials))))

        if (message.length !== 32 || tweaks.some((t) => !t.isXOnly)) return
        const cache = tweaks.reduce(
          (c, t) => zkp.pubkeyXonlyTweakAdd(c, t.tweak).keyaggCache,
          zkp.pubkeyAgg(keys).keyaggCache,
        )
        const session = zkp.nonceProcess(aggNonce, message, cache)
        const wasm = secrets.map((secret, i) => {
          const pair = pairOf(i, nobleCurve)
          return zkp.partialSign(asZkpNonce(pair.first, pair.second, keys[i] ?? rand), secret, cache, session)
        })
        expect(ours).toBe(toHex(concatBytes(...wasm, zkp.partialSigAgg(session, wasm))))
      })
    },
    DEADLINE_MS,
  )

  it(
    'should agree with any aggregate nonce, halves at infinity included',
    () => {
      const half = fc.oneof(
        { weight: 2, arbitrary: scalar.map(pointOf) },
        { weight: 1, arbitrary: fc.constant(new Uint8Array(33)) },
      )
      const odd = fc.record({ secret: scalar, other: scalar, first: half, second: half, message: b32, rand: b32 })
      check(RUNS, odd, ({ secret, other, first, second, message, rand }) => {
        const [publicKey, aggNonce] = [pointOf(secret), concatBytes(first, second)]
        const keys = [pointOf(other), publicKey]
        const pair = (port: Curve) => generateNonces({ rand, publicKey }, port)
        const ours = same((port) => {
          const key = aggregateKeys(keys, port)
          const session = sessionValues(xOnly(key.point), aggNonce, message, port)
          const weight = weightOf(key, publicKey, port)
          const partial = partialSignature(pair(port), secret, weight, session, port)
          const signer = { publicKey, publicNonce: publicNonceOf(pair(port), port), weight }
          expect(verifyPartial(partial, signer, session, port)).toBe(true)
          return partial
        })
        const { keyaggCache } = zkp.pubkeyAgg(keys)
        const { first: k1, second: k2 } = pair(nobleCurve)
        const session = zkp.nonceProcess(aggNonce, message, keyaggCache)
        expect(ours).toBe(toHex(zkp.partialSign(asZkpNonce(k1, k2, publicKey), secret, keyaggCache, session)))
        const theirs = new scure.Session(aggNonce, keys, message)
        expect(ours).toBe(toHex(theirs.sign(concatBytes(k1, k2, publicKey), secret, true)))
      })
    },
    DEADLINE_MS,
  )

  it(
    'should agree on what the secret service makes of a seed: its key, its nonce, its partial signature',
    () => {
      const requests = fc.record({
        secret: scalar,
        material: b32,
        others: fc.uniqueArray(scalar, { maxLength: 4, selector: (s) => toHex(xOnly(pointOf(s))) }),
        at: fc.nat(4),
        root: fc.option(b32),
        isKey: fc.boolean(),
        sighash: b32,
      })
      check(RUNS, requests, ({ secret, material, others, at, root, isKey, sighash }) => {
        const own = evenOf(secret)
        const ownX = xOnly(pointOf(own))
        const list = others.map((o) => xOnly(pointOf(o))).filter((key) => toHex(key) !== toHex(ownX))
        const ordered = [...list.slice(0, at), ownX, ...list.slice(at)]
        const musigTweak: MusigTweak = isKey ? { kind: 'key', merkleRoot: root } : { kind: 'script' }

        const lifted = ordered.map((key) => concatBytes(Uint8Array.of(2), key))
        const plain = scure.keyAggExport(scure.keyAggregate(lifted))
        const tweaks = isKey ? [taggedHash('TapTweak', plain, root ?? new Uint8Array(0))] : []
        const aggregate = scure.keyAggExport(
          scure.keyAggregate(
            lifted,
            tweaks,
            tweaks.map(() => true),
          ),
        )
        const seed = hkdfSha256(material, concatBytes(Buffer.from('strata-bridge-musig2-secnonce'), sighash), 32)
        const index = Uint8Array.of(0, 0, 0, Math.min(at, list.length))
        const nonces = scure.nonceGen(pointOf(own), own, aggregate, undefined, index, seed)
        const session = new scure.Session(
          nonces.public,
          lifted,
          sighash,
          tweaks,
          tweaks.map(() => true),
        )
        const theirs = concatBytes(aggregate, nonces.public, session.sign(nonces.secret, own, true))

        const ours = same((port) => {
          const keys = openMusigKeys({ musig2: own, nonceMaterial: material }, port)
          const context = openMusig({ orderedPublicKeys: ordered, tweak: musigTweak }, ownX, port)
          const nonce = makeNonce(context, keys, { mode: 'reference', form: { kind: 'sighash', sighash } })
          // Alone with its nonce: any aggregate nonce does.
          return concatBytes(context.publicKey, nonce.publicNonce, nonce.sign(nonce.publicNonce, sighash))
        })
        expect(ours).toBe(toHex(theirs))
      })
    },
    DEADLINE_MS,
  )
})
