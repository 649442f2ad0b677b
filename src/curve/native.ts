import { zeroize } from '../base/index.ts'
import { bip340Sign, bip340Verify } from './bip340.ts'
import { isGenerator } from './generator.ts'
import { type Addon, loadAddon } from './native-addon.ts'
import { generatorPairs } from './native-pair.ts'
import { isOne, isZero, nativeScalars } from './native-scalars.ts'
import { withSlots } from './native-slots.ts'
import { randomBytes } from './random.ts'
import type { Curve, LinearTerm } from './types.ts'

/** Multiples of a sum that are written where those of the last sum were: of 64 signatures that are verified together. */
const MAX_KEPT = 128

/** The addon throws Error on malformed input, the port TypeError. */
function orTypeError<T>(message: string, compute: () => T): T {
  try {
    return compute()
  } catch {
    throw new TypeError(message)
  }
}
const attempt = (check: () => boolean): boolean => {
  try {
    return check()
  } catch {
    return false
  }
}

/**
 * The fast backend: libsecp256k1 in C. Throws if this machine has no build of it.
 * docs/SECRETS.md lists which functions touch secrets: only those of the addon that take the same time for all of them.
 */
export function nativeCurve(loaded: Addon = loadAddon()): Curve {
  const addon = withSlots(loaded)
  const { isScalar, ...scalars } = nativeScalars(addon)
  const { reduce } = scalars

  // The addon also takes 65 bytes.
  const isPoint = (p: Uint8Array): boolean => p.length === 33 && attempt(() => addon.publicKeyVerify(p))
  const checkPoint = (p: Uint8Array): void => {
    if (!isPoint(p)) throw new TypeError('not a point of secp256k1')
  }
  /** undefined at infinity: points being valid, nothing else fails. */
  const sum = (points: readonly Uint8Array[]): Uint8Array | undefined => {
    try {
      return addon.publicKeyCombine(points)
    } catch {
      return undefined
    }
  }
  const publicKeyOf = (secret: Uint8Array): Uint8Array =>
    orTypeError('not a secret key of secp256k1', () => addon.publicKeyCreate(secret))

  /** Of public points, for the length of one sum: the memory of 65 bytes costs about as much as adding them. */
  const kept = Array.from({ length: MAX_KEPT }, () => new Uint8Array(65))
  /** Uncompressed, which spares the sum a square root; a point as it is needs none. */
  const multiple = ({ point, scalar }: LinearTerm, at: number): Uint8Array => {
    if (isOne(scalar)) return point
    const output = kept[at] ?? new Uint8Array(65)
    return isGenerator(point)
      ? addon.publicKeyCreate(scalar, false, output)
      : addon.publicKeyTweakMul(point, scalar, false, output)
  }
  const withGenerator = generatorPairs(addon)

  const linearCombination = (terms: readonly LinearTerm[]): Uint8Array | undefined => {
    for (const { point, scalar } of terms) {
      if (point.length !== 33) throw new TypeError('expected a 33-byte compressed point')
      if (!isScalar(scalar)) throw new TypeError('not a scalar of secp256k1')
      // The others are checked as they are multiplied.
      if (isZero(scalar)) checkPoint(point)
    }
    const counting = terms.filter(({ scalar }) => !isZero(scalar))
    const pair = counting.length === 2 ? withGenerator(counting) : undefined
    if (pair !== undefined) return pair
    const multiples = orTypeError('not a point of secp256k1', () => counting.map(multiple))
    if (multiples.length === 0) return undefined
    const total = sum(multiples)
    // Those that were not multiplied have not been looked at.
    if (total === undefined) for (const { point, scalar } of counting) if (isOne(scalar)) checkPoint(point)
    return total
  }
  const parts = { ...scalars, publicKeyOf, linearCombination }

  return {
    ...scalars,
    name: 'native',
    publicKeyOf,
    ecdhPoint: (secret, p) => {
      checkPoint(p)
      const [xbuf, ybuf, made] = [new Uint8Array(32), new Uint8Array(32), new Uint8Array(33)]
      // The addon copies what this answers.
      const hashfn = (x: Uint8Array, y: Uint8Array): Uint8Array => {
        made[0] = 2 | ((y[31] ?? 0) & 1)
        made.set(x, 1)
        return made
      }
      try {
        return orTypeError('not a secret key of secp256k1', () =>
          addon.ecdh(p, secret, { hashfn, xbuf, ybuf }, new Uint8Array(33)),
        )
      } finally {
        zeroize(xbuf, ybuf, made)
      }
    },
    isSecret: (secret) => attempt(() => addon.privateKeyVerify(secret)),
    isPoint,
    addPoints: (a, b) => {
      checkPoint(a)
      checkPoint(b)
      const added = sum([a, b])
      if (added === undefined) throw new TypeError('the sum is the point at infinity')
      return added
    },
    negatePoint: (p) => {
      checkPoint(p)
      return addon.publicKeyNegate(p)
    },
    mulPointPublic: (p, k) => {
      checkPoint(p)
      return orTypeError('not a scalar of secp256k1, or zero', () => addon.publicKeyTweakMul(p, k))
    },
    // Reduced, as RFC 6979 wants it before it makes the nonce; the addon would take the digest as it is.
    ecdsaSign: (digest, secret) =>
      orTypeError(
        'not a digest of 32 bytes, or not a secret key of secp256k1',
        () => addon.ecdsaSign(reduce(digest), secret).signature,
      ),
    ecdsaVerify: (signature, digest, p) => p.length === 33 && attempt(() => addon.ecdsaVerify(signature, digest, p)),
    schnorrSign: (message, secret, auxRand) => bip340Sign(parts, message, secret, auxRand),
    schnorrVerify: (signature, message, xOnly) => bip340Verify(parts, signature, message, xOnly),
    sumPoints: (points) => {
      if (points.length === 0) throw new TypeError('expected at least one point')
      for (const p of points) if (p.length !== 33) throw new TypeError('expected a 33-byte compressed point')
      const total = sum(points)
      if (total === undefined) points.forEach(checkPoint)
      return total
    },
    linearCombination,
    randomScalar: () => {
      for (;;) {
        const bytes = randomBytes(32)
        // Refuses zero and what is beyond the order: 2^-128.
        if (addon.privateKeyVerify(bytes)) return bytes
      }
    },
  }
}
