import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concatBytes, toHex } from '../../../src/base/index.ts'
import { type Curve, nobleCurve } from '../../../src/curve/index.ts'
import { bytes32, FIELD, inBuffer, NO_POINTS, NO_SCALARS, native, ORDER, prefixed } from './values.ts'

/** Per function; `CURVE_FUZZ_RUNS=5000` for a long run. */
const RUNS = Number(process.env.CURVE_FUZZ_RUNS ?? 80)

const odd = fc.uint8Array({ minLength: 0, maxLength: 70 })
const scalar = fc.oneof(
  { weight: 5, arbitrary: fc.bigInt({ min: 0n, max: ORDER - 1n }).map(bytes32) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...[0n, 1n, 2n, (ORDER - 1n) / 2n, (ORDER + 1n) / 2n, ORDER - 2n, ORDER - 1n].map(bytes32),
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom(...Object.values(NO_SCALARS)) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 32, maxLength: 32 }) },
)
const secretNumber = fc.oneof(fc.bigInt({ min: 1n, max: ORDER - 1n }), fc.constantFrom(1n, 2n, 3n, ORDER - 1n))
const validPoint = secretNumber.map((n) => nobleCurve.publicKeyOf(bytes32(n)))
const point = fc.oneof(
  { weight: 6, arbitrary: validPoint },
  { weight: 1, arbitrary: fc.constantFrom(...Object.values(NO_POINTS)) },
  // Half of all x are on the curve.
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(2, 3), fc.uint8Array({ minLength: 32, maxLength: 32 }))
      .map(([prefix, x]) => prefixed(prefix, x)),
  },
  { weight: 1, arbitrary: odd },
)
const digest = fc.oneof(
  { weight: 4, arbitrary: fc.uint8Array({ minLength: 32, maxLength: 32 }) },
  { weight: 2, arbitrary: fc.constantFrom(...[0n, 1n, ORDER - 1n, ORDER, ORDER + 1n, 2n ** 256n - 1n].map(bytes32)) },
  { weight: 1, arbitrary: odd },
)
const message = fc.uint8Array({ maxLength: 200 })
const half = fc.oneof(
  fc.uint8Array({ minLength: 32, maxLength: 32 }),
  fc.constantFrom(...[0n, 1n, ORDER - 1n, ORDER, FIELD - 1n, FIELD].map(bytes32)),
)
/** A valid one of `sign` and what it is for, with perhaps one of the parts exchanged for another one. */
const signed = <M>(
  messages: fc.Arbitrary<M>,
  sign: (message: M, secret: Uint8Array) => Uint8Array,
  keyOf: (secret: Uint8Array) => Uint8Array,
  keys: fc.Arbitrary<Uint8Array>,
) =>
  fc
    .record({
      message: messages,
      secret: secretNumber.map(bytes32),
      other: fc.record({ message: messages, r: half, s: half, key: keys, bytes: odd, at: fc.nat(511) }),
      change: fc.constantFrom('none', 'message', 'r', 's', 'negate s', 'key', 'bytes', 'bit'),
    })
    .map(({ message, secret, other, change }) => {
      const signature = sign(message, secret)
      const [r, s] = [signature.subarray(0, 32), signature.subarray(32)]
      const changed: Readonly<Record<string, () => Uint8Array>> = {
        r: () => concatBytes(other.r, s),
        s: () => concatBytes(r, other.s),
        'negate s': () => concatBytes(r, nobleCurve.negateScalar(s)),
        bytes: () => other.bytes,
        bit: () => signature.map((b, i) => (i === other.at >> 3 ? b ^ (1 << (other.at & 7)) : b)),
      }
      return {
        signature: changed[change]?.() ?? signature,
        message: change === 'message' ? other.message : message,
        key: change === 'key' ? other.key : keyOf(secret),
        valid: change === 'none',
      }
    })

/** The answer as text; only TypeError counts as one. */
function answer(compute: () => Uint8Array | boolean | undefined): string {
  try {
    const value = compute()
    return value instanceof Uint8Array ? toHex(value) : String(value)
  } catch (error) {
    if (error instanceof TypeError) return 'TypeError'
    throw error
  }
}

describe.runIf(native !== undefined)('the fast backend beside noble', () => {
  const fast = native ?? nobleCurve
  /** Also in the middle of a Buffer. */
  const same = <A>(
    inputs: fc.Arbitrary<A>,
    compute: (c: Curve, input: A, as: typeof inBuffer) => ReturnType<Parameters<typeof answer>[0]>,
  ) =>
    fc.assert(
      fc.property(inputs, (input) => {
        const wanted = answer(() => compute(nobleCurve, input, (b) => b))
        expect(answer(() => compute(fast, input, (b) => b))).toBe(wanted)
        expect(answer(() => compute(fast, input, inBuffer))).toBe(wanted)
      }),
      { numRuns: RUNS },
    )

  it('should agree on publicKeyOf and isSecret', () => {
    same(scalar, (c, k, as) => c.publicKeyOf(as(k)))
    same(scalar, (c, k, as) => c.isSecret(as(k)))
  })
  it('should agree on ecdhPoint', () => {
    same(fc.tuple(scalar, point), (c, [k, p], as) => c.ecdhPoint(as(k), as(p)))
  })
  it('should agree on isPoint and negatePoint', () => {
    same(point, (c, p, as) => c.isPoint(as(p)))
    same(point, (c, p, as) => c.negatePoint(as(p)))
  })
  it('should agree on addPoints, of opposite points too', () => {
    same(fc.tuple(point, point), (c, [a, b], as) => c.addPoints(as(a), as(b)))
    same(validPoint, (c, p, as) => c.addPoints(as(p), c.negatePoint(as(p))))
  })
  it('should agree on mulPointPublic', () => {
    same(fc.tuple(point, scalar), (c, [p, k], as) => c.mulPointPublic(as(p), as(k)))
  })
  it('should agree on sumPoints, through infinity and at it', () => {
    same(fc.array(point, { maxLength: 6 }), (c, points, as) => c.sumPoints(points.map(as)))
    same(fc.tuple(validPoint, fc.array(point, { maxLength: 2 })), (c, [p, more], as) =>
      c.sumPoints([p, nobleCurve.negatePoint(p), ...more].map(as)),
    )
  })
  it('should agree on linearCombination, through infinity and at it', () => {
    const terms = fc.array(fc.record({ scalar, point: fc.oneof(point, fc.constant(prefixed(2))) }), { maxLength: 5 })
    same(terms, (c, list, as) => c.linearCombination(list.map((t) => ({ scalar: as(t.scalar), point: as(t.point) }))))
    same(fc.tuple(validPoint, scalar, terms), (c, [p, k, more], as) =>
      c.linearCombination([
        { scalar: as(k), point: as(p) },
        { scalar: as(k), point: as(nobleCurve.negatePoint(p)) },
        ...more.slice(0, 2),
      ]),
    )
  })
  it('should agree on linearCombination of G and another point', () => {
    same(fc.tuple(scalar, scalar, point), (c, [a, b, p], as) =>
      c.linearCombination([
        { scalar: as(a), point: prefixed(2) },
        { scalar: as(b), point: as(p) },
      ]),
    )
  })
  it('should agree on addScalars, mulScalars, negateScalar and reduce', () => {
    same(digest, (c, bytes, as) => c.reduce(as(bytes)))
    same(fc.tuple(scalar, scalar), (c, [a, b], as) => c.addScalars(as(a), as(b)))
    same(scalar, (c, a, as) => c.addScalars(as(a), as(c.negateScalar(a))))
    same(fc.tuple(scalar, scalar), (c, [a, b], as) => c.mulScalars(as(a), as(b)))
    same(scalar, (c, a, as) => c.negateScalar(as(a)))
  })
  it('should agree on ecdsaSign', () => {
    same(fc.tuple(digest, scalar), (c, [d, k], as) => c.ecdsaSign(as(d), as(k)))
  })
  it('should agree on ecdsaVerify', () => {
    const digests = fc.oneof(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.constant(bytes32(ORDER + 1n)))
    const cases = signed(digests, (m, k) => nobleCurve.ecdsaSign(m, k), nobleCurve.publicKeyOf, point)
    same(cases, (c, t, as) => c.ecdsaVerify(as(t.signature), as(t.message), as(t.key)))
    fc.assert(
      fc.property(cases, (t) => !t.valid || fast.ecdsaVerify(t.signature, t.message, t.key)),
      { numRuns: RUNS },
    )
  })
  it('should agree on schnorrSign', () => {
    const aux = fc.oneof(
      { weight: 9, arbitrary: fc.uint8Array({ minLength: 32, maxLength: 32 }) },
      { weight: 1, arbitrary: odd },
    )
    same(fc.tuple(message, scalar, aux), (c, [m, k, a], as) => c.schnorrSign(as(m), as(k), as(a)))
  })
  it('should agree on schnorrVerify', () => {
    const keys = fc.oneof(
      point.map((p) => p.subarray(1)),
      half,
    )
    const xOf = (k: Uint8Array) => nobleCurve.publicKeyOf(k).subarray(1)
    const cases = signed(message, (m, k) => nobleCurve.schnorrSign(m, k), xOf, keys)
    same(cases, (c, t, as) => c.schnorrVerify(as(t.signature), as(t.message), as(t.key)))
    fc.assert(
      fc.property(cases, (t) => !t.valid || fast.schnorrVerify(t.signature, t.message, t.key)),
      { numRuns: RUNS },
    )
  })
})
