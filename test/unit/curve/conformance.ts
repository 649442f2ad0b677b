import { describe, expect, it } from 'vitest'
import { concatBytes, fromHex, toHex } from '../../../src/base/index.ts'
import type { Curve } from '../../../src/curve/index.ts'
import {
  bytes32,
  FIELD,
  G,
  inBuffer,
  NO_POINTS,
  NO_SCALARS,
  NO_SECRETS,
  ORDER,
  prefixed,
  UNCOMPRESSED_G,
} from './values.ts'

const ZERO = new Uint8Array(32)
const ONE = bytes32(1n)
const DIGEST = new Uint8Array(32).fill(0x5a)

/** What the port promises, of any backend. */
export function conformance(c: Curve): void {
  const times = (n: bigint): Uint8Array => c.publicKeyOf(bytes32(n))
  const refusesSecrets = (compute: (secret: Uint8Array) => unknown): void => {
    for (const [defect, secret] of Object.entries(NO_SECRETS))
      it(`should refuse a secret that is ${defect}`, () => expect(() => compute(secret)).toThrow(TypeError))
  }
  const refusesScalars = (compute: (scalar: Uint8Array) => unknown): void => {
    for (const [defect, scalar] of Object.entries(NO_SCALARS))
      it(`should refuse a scalar that is ${defect}`, () => expect(() => compute(scalar)).toThrow(TypeError))
  }
  const refusesPoints = (compute: (point: Uint8Array) => unknown): void => {
    for (const [defect, point] of Object.entries(NO_POINTS))
      it(`should refuse a point that is ${defect}`, () => expect(() => compute(point)).toThrow(TypeError))
  }

  describe('publicKeyOf', () => {
    it('should be multiples of G', () => {
      expect(times(1n)).toEqual(G)
      expect(toHex(times(7n))).toBe('025cbdf0646e5db4eaa398f365f2ea7a0e3d419b7e0330e39ce92bddedcac4f9bc')
      expect(times(ORDER - 1n)).toEqual(prefixed(3))
    })
    it('should take bytes in the middle of a Buffer, and leave them as they are', () => {
      const secret = inBuffer(bytes32(7n))
      expect(c.publicKeyOf(secret)).toEqual(times(7n))
      expect(toHex(secret)).toBe(toHex(bytes32(7n)))
    })
    refusesSecrets((secret) => c.publicKeyOf(secret))
  })

  describe('ecdhPoint', () => {
    it('should be the same from both sides, and of either parity', () => {
      expect(c.ecdhPoint(bytes32(3n), times(5n))).toEqual(times(15n))
      expect(c.ecdhPoint(bytes32(5n), times(3n))).toEqual(times(15n))
      expect(c.ecdhPoint(bytes32(ORDER - 5n), times(3n))).toEqual(c.negatePoint(times(15n)))
      expect(c.ecdhPoint(inBuffer(ONE), inBuffer(prefixed(3)))).toEqual(prefixed(3))
    })
    refusesSecrets((secret) => c.ecdhPoint(secret, G))
    refusesPoints((point) => c.ecdhPoint(ONE, point))
  })

  describe('isSecret and isPoint', () => {
    it('should know the good ones', () => {
      for (const n of [1n, 2n, ORDER - 1n]) expect(c.isSecret(bytes32(n))).toBe(true)
      for (const p of [G, prefixed(3), inBuffer(times(9n))]) expect(c.isPoint(p)).toBe(true)
    })
    for (const [defect, secret] of Object.entries(NO_SECRETS))
      it(`should know no secret that is ${defect}`, () => expect(c.isSecret(secret)).toBe(false))
    for (const [defect, point] of Object.entries(NO_POINTS))
      it(`should know no point that is ${defect}`, () => expect(c.isPoint(point)).toBe(false))
  })

  describe('addPoints', () => {
    it('should add, and double', () => {
      expect(c.addPoints(times(2n), times(5n))).toEqual(times(7n))
      expect(c.addPoints(times(2n), times(2n))).toEqual(times(4n))
    })
    it('should refuse a sum at infinity', () => {
      expect(() => c.addPoints(G, prefixed(3))).toThrow(TypeError)
    })
    refusesPoints((point) => c.addPoints(point, G))
    refusesPoints((point) => c.addPoints(G, point))
  })

  describe('negatePoint', () => {
    it('should turn the parity', () => {
      expect(c.negatePoint(G)).toEqual(prefixed(3))
      expect(c.negatePoint(prefixed(3))).toEqual(G)
    })
    refusesPoints((point) => c.negatePoint(point))
  })

  describe('mulPointPublic', () => {
    it('should multiply', () => {
      expect(c.mulPointPublic(times(3n), bytes32(5n))).toEqual(times(15n))
      expect(c.mulPointPublic(times(3n), bytes32(ORDER - 1n))).toEqual(c.negatePoint(times(3n)))
    })
    it('should refuse zero, whose result has no bytes', () => {
      expect(() => c.mulPointPublic(G, ZERO)).toThrow(TypeError)
    })
    refusesScalars((scalar) => c.mulPointPublic(G, scalar))
    refusesPoints((point) => c.mulPointPublic(point, ONE))
  })

  describe('ECDSA', () => {
    const signature = c.ecdsaSign(DIGEST, bytes32(3n))
    const [r, s] = [signature.subarray(0, 32), signature.subarray(32)]
    it('should be RFC 6979, as libraries publish it', () => {
      // "Satoshi Nakamoto" with key 1, as in the test data of bitcoinjs and others.
      const digest = fromHex('a0dc65ffca799873cbea0ac274015b9526505daaaed385155425f7337704883e')
      expect(toHex(c.ecdsaSign(digest, ONE))).toBe(
        '934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8' +
          '2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5',
      )
    })
    it('should verify what it signs, and reduce digests beyond the order', () => {
      expect(c.ecdsaVerify(signature, DIGEST, times(3n))).toBe(true)
      expect(c.ecdsaVerify(inBuffer(signature), inBuffer(DIGEST), inBuffer(times(3n)))).toBe(true)
      expect(c.ecdsaSign(bytes32(ORDER + 5n), ONE)).toEqual(c.ecdsaSign(bytes32(5n), ONE))
      expect(c.ecdsaVerify(c.ecdsaSign(bytes32(5n), ONE), bytes32(ORDER + 5n), G)).toBe(true)
    })
    refusesSecrets((secret) => c.ecdsaSign(DIGEST, secret))
    it('should sign no digest of another length', () => {
      for (const digest of [DIGEST.subarray(1), concatBytes(DIGEST, Uint8Array.of(0)), new Uint8Array(0)])
        expect(() => c.ecdsaSign(digest, ONE)).toThrow(TypeError)
    })
    for (const [defect, bad] of Object.entries({
      'of high s': concatBytes(r, c.negateScalar(s)),
      'of r = 0': concatBytes(ZERO, s),
      'of s = 0': concatBytes(r, ZERO),
      'of r = n': concatBytes(bytes32(ORDER), s),
      'of s = n': concatBytes(r, bytes32(ORDER)),
      'with r and s exchanged': concatBytes(s, r),
      'a byte short': signature.subarray(1),
      'a byte long': concatBytes(signature, Uint8Array.of(0)),
      empty: new Uint8Array(0),
      'all zeros': new Uint8Array(64),
      'all ones': new Uint8Array(64).fill(255),
    }))
      it(`should be plain false for a signature ${defect}`, () => {
        expect(c.ecdsaVerify(bad, DIGEST, times(3n))).toBe(false)
      })
    it('should be plain false for another digest or key', () => {
      expect(c.ecdsaVerify(signature, new Uint8Array(32).fill(0x5b), times(3n))).toBe(false)
      expect(c.ecdsaVerify(signature, DIGEST.subarray(1), times(3n))).toBe(false)
      expect(c.ecdsaVerify(signature, concatBytes(DIGEST, ZERO), times(3n))).toBe(false)
      expect(c.ecdsaVerify(signature, DIGEST, times(4n))).toBe(false)
      expect(c.ecdsaVerify(signature, DIGEST, c.negatePoint(times(3n)))).toBe(false)
    })
    it('should be plain false for the right key in its uncompressed form', () => {
      const byOne = c.ecdsaSign(DIGEST, ONE)
      expect(c.ecdsaVerify(byOne, DIGEST, G)).toBe(true)
      expect(c.ecdsaVerify(byOne, DIGEST, UNCOMPRESSED_G)).toBe(false)
    })
    for (const [defect, point] of Object.entries(NO_POINTS))
      it(`should be plain false for a key that is ${defect}`, () => {
        expect(c.ecdsaVerify(signature, DIGEST, point)).toBe(false)
      })
  })

  describe('BIP340 (beside its vectors)', () => {
    const key = times(3n).subarray(1)
    const signature = c.schnorrSign(DIGEST, bytes32(3n), ZERO)
    const [r, s] = [signature.subarray(0, 32), signature.subarray(32)]
    it('should sign with randomness of its own, for secrets of either parity', () => {
      for (const n of [3n, 6n, ORDER - 3n]) {
        const [one, two] = [c.schnorrSign(DIGEST, bytes32(n)), c.schnorrSign(DIGEST, bytes32(n))]
        expect(one).not.toEqual(two)
        for (const made of [one, two]) expect(c.schnorrVerify(made, DIGEST, times(n).subarray(1))).toBe(true)
      }
    })
    it('should leave what it is given as it is', () => {
      const given = [Uint8Array.from(DIGEST), bytes32(6n), new Uint8Array(32).fill(9)] as const
      c.schnorrSign(...given)
      expect(given).toEqual([DIGEST, bytes32(6n), new Uint8Array(32).fill(9)])
    })
    refusesSecrets((secret) => c.schnorrSign(DIGEST, secret))
    it('should refuse auxiliary randomness of another length', () => {
      for (const aux of [ZERO.subarray(1), new Uint8Array(33), new Uint8Array(0)])
        expect(() => c.schnorrSign(DIGEST, ONE, aux)).toThrow(TypeError)
    })
    for (const [defect, bad] of Object.entries({
      'of another r': concatBytes(
        r.map((b, i) => (i === 31 ? b ^ 1 : b)),
        s,
      ),
      'of negated s': concatBytes(r, c.negateScalar(s)),
      'of s = 0': concatBytes(r, ZERO),
      'of s = n': concatBytes(r, bytes32(ORDER)),
      'of r = p': concatBytes(bytes32(FIELD), s),
      'of r = 0': concatBytes(ZERO, s),
      'a byte short': signature.subarray(1),
      'a byte long': concatBytes(signature, Uint8Array.of(0)),
      empty: new Uint8Array(0),
      'all ones': new Uint8Array(64).fill(255),
    }))
      it(`should be plain false for a signature ${defect}`, () => {
        expect(c.schnorrVerify(signature, DIGEST, key)).toBe(true)
        expect(c.schnorrVerify(bad, DIGEST, key)).toBe(false)
      })
    it('should be plain false for another message or key', () => {
      expect(c.schnorrVerify(signature, DIGEST.subarray(1), key)).toBe(false)
      expect(c.schnorrVerify(signature, concatBytes(DIGEST, Uint8Array.of(0)), key)).toBe(false)
      expect(c.schnorrVerify(signature, new Uint8Array(0), key)).toBe(false)
      for (const bad of [times(4n).subarray(1), times(3n), ZERO, bytes32(5n), bytes32(FIELD), new Uint8Array(0)])
        expect(c.schnorrVerify(signature, DIGEST, bad)).toBe(false)
    })
  })

  describe('sumPoints', () => {
    it('should add up', () => {
      expect(c.sumPoints([times(2n)])).toEqual(times(2n))
      expect(c.sumPoints([times(2n), times(3n), times(2n)])).toEqual(times(7n))
    })
    it('should go through infinity, and be undefined at it', () => {
      expect(c.sumPoints([G, prefixed(3), times(5n)])).toEqual(times(5n))
      expect(c.sumPoints([times(2n), times(3n), c.negatePoint(times(5n))])).toBeUndefined()
    })
    it('should refuse no points at all', () => expect(() => c.sumPoints([])).toThrow(TypeError))
    refusesPoints((point) => c.sumPoints([point]))
    refusesPoints((point) => c.sumPoints([G, prefixed(3), point]))
  })

  describe('linearCombination', () => {
    const five = (point: Uint8Array) => ({ scalar: bytes32(5n), point })
    it('should add up multiples, of G and of others', () => {
      const terms = [
        { scalar: bytes32(5n), point: times(2n) },
        { scalar: bytes32(4n), point: G },
        { scalar: ZERO, point: times(9n) },
        { scalar: bytes32(ORDER - 1n), point: times(3n) },
      ]
      expect(c.linearCombination(terms)).toEqual(times(11n))
      expect(c.linearCombination(terms.slice(0, 1))).toEqual(times(10n))
      expect(c.linearCombination(terms.slice(1, 2))).toEqual(times(4n))
    })
    it('should be undefined at infinity', () => {
      expect(c.linearCombination([])).toBeUndefined()
      expect(c.linearCombination([{ scalar: ZERO, point: times(3n) }])).toBeUndefined()
      const opposite = [
        { scalar: bytes32(6n), point: G },
        { scalar: bytes32(ORDER - 2n), point: times(3n) },
      ]
      expect(c.linearCombination(opposite)).toBeUndefined()
      expect(c.linearCombination([...opposite, { scalar: ONE, point: G }])).toEqual(G)
    })
    it('should add a multiple of G to one of another point, of either parity', () => {
      for (const [a, b, p] of [
        [5n, 4n, 2n],
        [ORDER - 7n, 1n, 9n],
        [1n, ORDER - 1n, ORDER - 2n],
        [1n, 1n, 3n],
      ] as const) {
        const sum = times((a + b * p) % ORDER)
        const terms = [
          { scalar: bytes32(a), point: G },
          { scalar: bytes32(b), point: times(p) },
        ]
        expect(c.linearCombination(terms)).toEqual(sum)
        expect(c.linearCombination(terms.toReversed())).toEqual(sum)
      }
    })
    it('should add multiples of G alone, and a point as it is', () => {
      const one = { scalar: ONE, point: times(8n) }
      expect(c.linearCombination([five(G), five(G)])).toEqual(times(10n))
      expect(c.linearCombination([one])).toEqual(times(8n))
      expect(c.linearCombination([one, one, five(G)])).toEqual(times(21n))
      expect(c.linearCombination([one, { scalar: ONE, point: times(ORDER - 8n) }])).toBeUndefined()
    })
    refusesPoints((point) => c.linearCombination([five(G), five(point)]))
    refusesPoints((point) => c.linearCombination([five(point), { scalar: ONE, point: G }]))
    refusesPoints((point) => c.linearCombination([five(times(2n)), { scalar: ONE, point }]))
    refusesScalars((scalar) => c.linearCombination([five(times(2n)), { scalar, point: G }]))
    refusesScalars((scalar) => c.linearCombination([five(G), { scalar, point: times(2n) }]))
    refusesScalars((scalar) => c.linearCombination([{ scalar, point: times(2n) }]))
    refusesScalars((scalar) => c.linearCombination([{ scalar, point: G }]))
    refusesPoints((point) => c.linearCombination([{ scalar: ONE, point }]))
    refusesPoints((point) => c.linearCombination([{ scalar: ZERO, point }]))
  })

  describe('scalars', () => {
    it('should add', () => {
      expect(c.addScalars(bytes32(2n), bytes32(5n))).toEqual(bytes32(7n))
      expect(c.addScalars(bytes32(ORDER - 1n), bytes32(5n))).toEqual(bytes32(4n))
      expect(c.addScalars(ZERO, bytes32(5n))).toEqual(bytes32(5n))
      expect(c.addScalars(bytes32(5n), ZERO)).toEqual(bytes32(5n))
      expect(c.addScalars(ZERO, ZERO)).toEqual(ZERO)
      expect(c.addScalars(bytes32(5n), bytes32(ORDER - 5n))).toEqual(ZERO)
    })
    it('should multiply', () => {
      expect(c.mulScalars(bytes32(6n), bytes32(7n))).toEqual(bytes32(42n))
      expect(c.mulScalars(bytes32(ORDER - 1n), bytes32(ORDER - 2n))).toEqual(bytes32(2n))
      for (const n of [0n, 7n, ORDER - 1n]) {
        expect(c.mulScalars(ZERO, bytes32(n))).toEqual(ZERO)
        expect(c.mulScalars(bytes32(n), ZERO)).toEqual(ZERO)
      }
    })
    it('should negate', () => {
      expect(c.negateScalar(bytes32(5n))).toEqual(bytes32(ORDER - 5n))
      expect(c.negateScalar(ZERO)).toEqual(ZERO)
    })
    it('should take 32 bytes modulo the order', () => {
      for (const n of [0n, 1n, ORDER - 1n, ORDER, ORDER + 5n, 2n ** 256n - 1n])
        expect(c.reduce(inBuffer(bytes32(n)))).toEqual(bytes32(n % ORDER))
      for (const bytes of [new Uint8Array(0), new Uint8Array(31), new Uint8Array(33)])
        expect(() => c.reduce(bytes)).toThrow(TypeError)
    })
    it('should leave operands as they are', () => {
      const [a, b] = [inBuffer(bytes32(5n)), inBuffer(bytes32(ORDER - 5n))]
      c.addScalars(a, b)
      c.mulScalars(a, b)
      c.negateScalar(a)
      c.reduce(a)
      expect([toHex(a), toHex(b)]).toEqual([toHex(bytes32(5n)), toHex(bytes32(ORDER - 5n))])
    })
    for (const one of [ZERO, ONE]) {
      refusesScalars((scalar) => c.addScalars(scalar, one))
      refusesScalars((scalar) => c.addScalars(one, scalar))
      refusesScalars((scalar) => c.mulScalars(scalar, one))
      refusesScalars((scalar) => c.mulScalars(one, scalar))
    }
    refusesScalars((scalar) => c.negateScalar(scalar))
    it('should be random, and secrets', () => {
      const made = Array.from({ length: 50 }, () => c.randomScalar())
      expect(new Set(made.map(toHex)).size).toBe(50)
      expect(made.every((scalar) => scalar.length === 32 && c.isSecret(scalar))).toBe(true)
    })
  })
}
