import { mulAddUnsafe } from '@noble/curves/abstract/curve.js'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import type { Curve } from './types.ts'

const Point = secp256k1.Point
const Fn = Point.Fn

/** noble throws Error and RangeError on malformed input, the port TypeError. */
function orTypeError<T>(message: string, compute: () => T): T {
  try {
    return compute()
  } catch {
    throw new TypeError(message)
  }
}
const SECRET = 'not a secret key of secp256k1'
const scalar = (bytes: Uint8Array): bigint => orTypeError('not a scalar of secp256k1', () => Fn.fromBytes(bytes))
const point = (bytes: Uint8Array) => {
  if (bytes.length !== 33) throw new TypeError('expected a 33-byte compressed point')
  return orTypeError('not a point of secp256k1', () => Point.fromBytes(bytes))
}
const attempt = (check: () => boolean): boolean => {
  try {
    return check()
  } catch {
    return false
  }
}

/** The port has no bytes for the point at infinity. */
const bytesOf = (p: ReturnType<typeof point>): Uint8Array | undefined => (p.is0() ? undefined : p.toBytes(true))
const finite = (p: ReturnType<typeof point>): Uint8Array =>
  orTypeError('the result is the point at infinity', () => p.toBytes(true))
const ECDSA = { prehash: false, lowS: true, format: 'compact' } as const

/** The oracle and the fallback: @noble/curves. */
export const nobleCurve: Curve = {
  name: 'noble',
  publicKeyOf: (secret) => orTypeError(SECRET, () => secp256k1.getPublicKey(secret, true)),
  ecdhPoint: (secret, p) => {
    point(p)
    return orTypeError(SECRET, () => secp256k1.getSharedSecret(secret, p, true))
  },
  isSecret: (secret) => secp256k1.utils.isValidSecretKey(secret),
  isPoint: (p) => p.length === 33 && attempt(() => !point(p).is0()),
  addPoints: (a, b) => finite(point(a).add(point(b))),
  negatePoint: (p) => point(p).negate().toBytes(true),
  mulPointPublic: (p, k) => finite(point(p).multiplyUnsafe(scalar(k))),
  ecdsaSign: (digest, secret) => {
    if (digest.length !== 32) throw new TypeError('expected a digest of 32 bytes')
    return orTypeError(SECRET, () => secp256k1.sign(digest, secret, ECDSA))
  },
  ecdsaVerify: (signature, digest, p) =>
    signature.length === 64 &&
    digest.length === 32 &&
    p.length === 33 &&
    attempt(() => secp256k1.verify(signature, digest, p, ECDSA)),
  schnorrSign: (message, secret, auxRand) => orTypeError(SECRET, () => schnorr.sign(message, secret, auxRand)),
  schnorrVerify: (signature, message, xOnly) => attempt(() => schnorr.verify(signature, message, xOnly)),
  sumPoints: (points) => {
    if (points.length === 0) throw new TypeError('expected at least one point')
    return bytesOf(points.reduce((sum, p) => sum.add(point(p)), Point.ZERO))
  },
  // One chain of doublings for all terms.
  linearCombination: (terms) =>
    bytesOf(
      mulAddUnsafe(
        Point,
        terms.map((t) => point(t.point)),
        terms.map((t) => scalar(t.scalar)),
      ),
    ),
  addScalars: (a, b) => Fn.toBytes(Fn.add(scalar(a), scalar(b))),
  mulScalars: (a, b) => Fn.toBytes(Fn.mul(scalar(a), scalar(b))),
  negateScalar: (a) => Fn.toBytes(Fn.neg(scalar(a))),
  reduce: (bytes) => {
    if (bytes.length !== 32) throw new TypeError('expected 32 bytes')
    return Fn.toBytes(Fn.create(Fn.fromBytes(bytes, true)))
  },
  randomScalar: () => secp256k1.utils.randomSecretKey(),
}
