import { equalBytes, fromHex } from '../base/index.ts'
import { GENERATOR } from './generator.ts'
import type { Curve } from './types.ts'

const small = (n: number): Uint8Array => Uint8Array.of(...new Uint8Array(31), n)
/** n − 1, the largest scalar. */
const MINUS_ONE = fromHex('fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140')
const ORDER = fromHex('fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141')
const MINUS_G = Uint8Array.of(3, ...GENERATOR.subarray(1))
const G2 = fromHex('02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5')
const G3 = fromHex('02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9')
const ON_NO_POINT = Uint8Array.of(2, ...small(5))
const DIGEST = new Uint8Array(32).fill(0xab)
/** By key 3 over DIGEST; RFC 6979, low-s. Made with @noble/curves. */
const ECDSA = fromHex(
  '0e34269435278227b280d438fc1c93e8ee8a6ee5053105e00f5653ad8459b2ec' +
    '7b0da7742cb01a2f02b40297782f30374df6bed38951387e9d8125c5394c4afe',
)
/** Row 0 of the BIP's own vectors: key 3, message and auxiliary randomness zero. */
const SCHNORR = fromHex(
  'e907831f80848d1069a5371b402410364bdf1c5f8307b0084c55f1ce2dca8215' +
    '25f66a4a85ea8b71e482a74f382d2ce5ebeee8fdb2172f477df4900d310536c0',
)
const ZERO = new Uint8Array(32)
const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((b, i) => (i === 40 ? b ^ 1 : b))

const is = (got: Uint8Array | undefined, wanted: Uint8Array): boolean => got !== undefined && equalBytes(got, wanted)
const refuses = (compute: () => unknown): boolean => {
  try {
    compute()
    return false
  } catch (error) {
    return error instanceof TypeError
  }
}

/** Known answers of every function, and what it must refuse. */
const ANSWERS: readonly (readonly [keyof Curve, (c: Curve) => boolean])[] = [
  ['publicKeyOf', (c) => is(c.publicKeyOf(small(3)), G3) && is(c.publicKeyOf(MINUS_ONE), MINUS_G)],
  ['publicKeyOf', (c) => refuses(() => c.publicKeyOf(ZERO)) && refuses(() => c.publicKeyOf(ORDER))],
  ['ecdhPoint', (c) => is(c.ecdhPoint(small(3), GENERATOR), G3) && is(c.ecdhPoint(MINUS_ONE, MINUS_G), GENERATOR)],
  [
    'ecdhPoint',
    (c) => refuses(() => c.ecdhPoint(ZERO, GENERATOR)) && refuses(() => c.ecdhPoint(small(1), ON_NO_POINT)),
  ],
  ['isSecret', (c) => c.isSecret(small(1)) && !c.isSecret(ZERO) && !c.isSecret(ORDER)],
  ['isPoint', (c) => c.isPoint(G2) && !c.isPoint(ON_NO_POINT)],
  ['addPoints', (c) => is(c.addPoints(GENERATOR, G2), G3) && refuses(() => c.addPoints(GENERATOR, MINUS_G))],
  ['negatePoint', (c) => is(c.negatePoint(GENERATOR), MINUS_G)],
  ['mulPointPublic', (c) => is(c.mulPointPublic(GENERATOR, small(2)), G2)],
  ['ecdsaSign', (c) => is(c.ecdsaSign(DIGEST, small(3)), ECDSA)],
  ['ecdsaVerify', (c) => c.ecdsaVerify(ECDSA, DIGEST, G3) && !c.ecdsaVerify(flipped(ECDSA), DIGEST, G3)],
  ['schnorrSign', (c) => is(c.schnorrSign(ZERO, small(3), ZERO), SCHNORR)],
  [
    'schnorrVerify',
    (c) => c.schnorrVerify(SCHNORR, ZERO, G3.subarray(1)) && !c.schnorrVerify(flipped(SCHNORR), ZERO, G3.subarray(1)),
  ],
  ['sumPoints', (c) => is(c.sumPoints([GENERATOR, G2]), G3) && c.sumPoints([GENERATOR, MINUS_G]) === undefined],
  [
    'linearCombination',
    (c) =>
      is(
        c.linearCombination([
          { scalar: MINUS_ONE, point: GENERATOR },
          { scalar: small(2), point: G2 },
        ]),
        G3,
      ),
  ],
  ['addScalars', (c) => is(c.addScalars(MINUS_ONE, small(3)), small(2)) && is(c.addScalars(MINUS_ONE, small(1)), ZERO)],
  ['mulScalars', (c) => is(c.mulScalars(MINUS_ONE, MINUS_ONE), small(1)) && is(c.mulScalars(ZERO, small(7)), ZERO)],
  ['negateScalar', (c) => is(c.negateScalar(small(1)), MINUS_ONE) && refuses(() => c.negateScalar(ORDER))],
  ['reduce', (c) => is(c.reduce(ORDER), ZERO) && is(c.reduce(MINUS_ONE), MINUS_ONE) && refuses(() => c.reduce(G2))],
  ['randomScalar', (c) => c.isSecret(c.randomScalar())],
]

/** The first function that doesn't give its known answer; undefined if all do. Never throws. A millisecond on the fast backend. */
export function selfTest(curve: Curve): keyof Curve | undefined {
  const wrong = ANSWERS.find(([, gives]) => {
    try {
      return !gives(curve)
    } catch {
      return true
    }
  })
  return wrong?.[0]
}
