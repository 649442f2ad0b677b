import { schnorr_FROST, secp256k1, secp256k1_hasher } from '@noble/curves/secp256k1.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeOf, concatBytes, fromHex, toHex, utf8 } from '../../../src/base/index.ts'
import { drawScalar, evaluate, evaluateInExponent } from '../../../src/crypto/keygen/polynomial.ts'
import { lagrangeAtZero, parsePublicScalar, powersOf, toScalarBytes } from '../../../src/crypto/public-scalars.ts'
import { bindingHash, knowledgeHash, nonceHash, reduceWide } from '../../../src/crypto/suite.ts'
import { randomBytes } from '../../../src/curve/index.ts'
import { BACKENDS } from './backends.ts'
import { scalarOf } from './noble-tweak.ts'

const { Fn } = secp256k1.Point
const wide = (n: bigint): Uint8Array => fromHex(n.toString(16).padStart(96, '0'))
const anyScalar = fc.bigInt({ min: 1n, max: Fn.ORDER - 1n })

for (const port of BACKENDS)
  describe(`secret scalars, ${port.name}`, () => {
    it('should be 48 bytes modulo the order, at every edge', () => {
      const edges = [
        0n,
        1n,
        Fn.ORDER - 1n,
        Fn.ORDER,
        Fn.ORDER + 1n,
        (1n << 192n) - 1n,
        1n << 192n,
        1n << 256n,
        (1n << 384n) - 1n,
      ]
      for (const n of edges) expect(toHex(reduceWide(wide(n), port))).toBe(toHex(Fn.toBytes(Fn.create(n))))
      fc.assert(
        fc.property(fc.bigInt({ min: 0n, max: (1n << 384n) - 1n }), (n) => {
          expect(toHex(reduceWide(wide(n), port))).toBe(toHex(Fn.toBytes(Fn.create(n))))
        }),
        { numRuns: 50 },
      )
    })

    it("should be hashed as the suite's own hasher does, each use with its own tag", () => {
      const message = randomBytes(80)
      const expected = (use: string) =>
        toHex(Fn.toBytes(secp256k1_hasher.hashToScalar(message, { DST: utf8(`FROST-secp256k1-SHA256-TR-v1${use}`) })))
      expect(toHex(bindingHash(message, port))).toBe(expected('rho'))
      expect(toHex(nonceHash(message, port))).toBe(expected('nonce'))
      expect(toHex(knowledgeHash(message, port))).toBe(expected('dkg'))
      expect(expected('rho')).not.toBe(expected('nonce'))
    })

    it('should never be zero when drawn, and not be drawn at all from a generator of zeros', () => {
      const draws = [new Uint8Array(48), wide(Fn.ORDER), wide(5n)]
      expect(drawScalar(() => draws.shift() ?? new Uint8Array(48), port)).toEqual(scalarOf(5n))
      expect(() => drawScalar((length = 48) => new Uint8Array(length), port)).toThrow('zeros')
      try {
        drawScalar((length = 48) => new Uint8Array(length), port)
      } catch (error) {
        expect(codeOf(error)).toBe('RNG_BROKEN')
      }
    })

    it('should leave nothing of the random bytes that a scalar was made of', () => {
      const bytes = randomBytes(48)
      drawScalar(() => bytes, port)
      expect(bytes).toEqual(new Uint8Array(48))
    })

    it('should be the polynomial at x, in the exponent too', () => {
      fc.assert(
        fc.property(fc.array(anyScalar, { minLength: 1, maxLength: 5 }), anyScalar, (coefficients, x) => {
          const y = coefficients.toReversed().reduce((a, c) => Fn.add(Fn.mul(a, x), c), 0n)
          expect(toHex(evaluate(coefficients.map(scalarOf), scalarOf(x), port))).toBe(toHex(Fn.toBytes(y)))
          const commitments = coefficients.map((c) => port.publicKeyOf(scalarOf(c)))
          expect(evaluateInExponent(commitments, x, port)).toEqual(y === 0n ? undefined : port.publicKeyOf(scalarOf(y)))
        }),
        { numRuns: 20 },
      )
    })

    it('should be zero at a root, and the point at infinity in the exponent', () => {
      const [x, b] = [7n, 11n]
      const coefficients = [Fn.neg(Fn.mul(x, b)), b]
      expect(evaluate(coefficients.map(scalarOf), scalarOf(x), port)).toEqual(new Uint8Array(32))
      const commitments = coefficients.map((c) => port.publicKeyOf(scalarOf(c)))
      expect(evaluateInExponent(commitments, x, port)).toBeUndefined()
    })

    it('should pass through zero on the way unharmed', () => {
      // f(x) = 3 + (−7b + b·x)·x: the inner value is zero at 7.
      const coefficients = [3n, Fn.neg(Fn.mul(7n, 11n)), 11n]
      expect(evaluate(coefficients.map(scalarOf), scalarOf(7n), port)).toEqual(scalarOf(3n))
    })
  })

describe('public scalars', () => {
  it('should be 32 bytes below the order', () => {
    expect(parsePublicScalar(scalarOf(0n))).toBe(0n)
    expect(parsePublicScalar(scalarOf(Fn.ORDER - 1n))).toBe(Fn.ORDER - 1n)
    for (const bad of [
      scalarOf(Fn.ORDER),
      new Uint8Array(32).fill(255),
      new Uint8Array(31),
      new Uint8Array(33),
      new Uint8Array(0),
    ])
      expect(parsePublicScalar(bad)).toBeUndefined()
  })
  it('should interpolate what a polynomial is at zero', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(anyScalar, { minLength: 2, maxLength: 6 }),
        fc.array(anyScalar, { minLength: 6, maxLength: 6 }),
        (xs, cs) => {
          const f = (x: bigint) =>
            cs
              .slice(0, xs.length)
              .toReversed()
              .reduce((a, c) => Fn.add(Fn.mul(a, x), c), 0n)
          const sum = lagrangeAtZero(xs).reduce((a, l, i) => Fn.add(a, Fn.mul(l, f(xs[i] ?? 0n))), 0n)
          expect(sum).toBe(f(0n))
        },
      ),
      { numRuns: 30 },
    )
  })
  it('should have powers that begin with one', () => {
    expect(powersOf(3n, 4)).toEqual([1n, 3n, 9n, 27n])
    expect(powersOf(3n, 0)).toEqual([])
    expect(toHex(toScalarBytes(1n))).toBe(toHex(scalarOf(1n)))
  })
})

describe('hedged nonces', () => {
  it("R25: should be the library's for the same entropy, on every backend", () => {
    const share = scalarOf(99n)
    const entropy = randomBytes(32)
    const id = schnorr_FROST.Identifier.fromNumber(1)
    const theirs = schnorr_FROST.commit({ identifier: id, signingShare: Uint8Array.from(share) }, () => entropy.slice())
    for (const port of BACKENDS)
      expect(toHex(nonceHash(concatBytes(entropy, share), port))).toBe(toHex(theirs.nonces.hiding))
  })
})
