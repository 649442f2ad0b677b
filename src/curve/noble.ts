import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import type { Curve } from './types.ts'

const Point = secp256k1.Point
const Fn = Point.Fn

const scalar = (bytes: Uint8Array): bigint => {
  try {
    return Fn.fromBytes(bytes)
  } catch {
    throw new TypeError('not a scalar of secp256k1')
  }
}
const point = (bytes: Uint8Array) => {
  if (bytes.length !== 33) throw new TypeError('expected a 33-byte compressed point')
  try {
    return Point.fromBytes(bytes)
  } catch {
    throw new TypeError('not a point of secp256k1')
  }
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

/** The oracle and the fallback: @noble/curves. */
export const nobleCurve: Curve = {
  name: 'noble',
  publicKeyOf: (secret) => secp256k1.getPublicKey(secret, true),
  ecdhPoint: (secret, p) => secp256k1.getSharedSecret(secret, p, true),
  isSecret: (secret) => secp256k1.utils.isValidSecretKey(secret),
  isPoint: (p) => p.length === 33 && attempt(() => !point(p).is0()),
  addPoints: (a, b) => point(a).add(point(b)).toBytes(true),
  negatePoint: (p) => point(p).negate().toBytes(true),
  mulPointPublic: (p, k) => point(p).multiplyUnsafe(scalar(k)).toBytes(true),
  ecdsaSign: (digest, secret) => secp256k1.sign(digest, secret, { prehash: false, lowS: true, format: 'compact' }),
  ecdsaVerify: (signature, digest, p) =>
    signature.length === 64 &&
    p.length === 33 &&
    attempt(() => secp256k1.verify(signature, digest, p, { prehash: false, lowS: true, format: 'compact' })),
  schnorrSign: (message, secret, auxRand) => schnorr.sign(message, secret, auxRand),
  schnorrVerify: (signature, message, xOnly) => attempt(() => schnorr.verify(signature, message, xOnly)),
  sumPoints: (points) => {
    if (points.length === 0) throw new TypeError('expected at least one point')
    return bytesOf(points.reduce((sum, p) => sum.add(point(p)), Point.ZERO))
  },
  linearCombination: (terms) =>
    bytesOf(terms.reduce((sum, term) => sum.add(point(term.point).multiplyUnsafe(scalar(term.scalar))), Point.ZERO)),
  addScalars: (a, b) => Fn.toBytes(Fn.add(scalar(a), scalar(b))),
  mulScalars: (a, b) => Fn.toBytes(Fn.mul(scalar(a), scalar(b))),
  negateScalar: (a) => Fn.toBytes(Fn.neg(scalar(a))),
  randomScalar: () => secp256k1.utils.randomSecretKey(),
}
