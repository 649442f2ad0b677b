import type { Addon } from './native-addon.ts'
import type { Curve } from './types.ts'

/** Scalar arithmetic of the addon, with what it refuses (zero) given the meaning that the port promises. */
export interface NativeScalars extends Pick<Curve, 'addScalars' | 'mulScalars' | 'negateScalar' | 'reduce'> {
  /** 32 bytes below the group order, zero included. */
  isScalar(bytes: Uint8Array): boolean
}

/** Looks at every byte, whatever it finds. */
export function isZero(bytes: Uint8Array): boolean {
  let any = 0
  for (let i = 0; i < bytes.length; i++) any |= bytes[i] ?? 0
  return any === 0
}

/** Of public scalars only: stops at the first byte that tells. */
export const isOne = (scalar: Uint8Array): boolean => scalar[31] === 1 && isZero(scalar.subarray(0, 31))

/**
 * The arithmetic is C without branches on the values. What leaks is whether an operand or a sum is zero, and a secret is
 * that with a probability of 2^-256.
 */
export function nativeScalars(addon: Addon): NativeScalars {
  const isScalar = (a: Uint8Array): boolean => a.length === 32 && (addon.privateKeyVerify(a) || isZero(a))
  // The addon would reduce a value beyond the order in silence.
  const check = (a: Uint8Array): void => {
    if (!isScalar(a)) throw new TypeError('not a scalar of secp256k1')
  }
  return {
    isScalar,
    addScalars: (a, b) => {
      check(a)
      check(b)
      const sum = new Uint8Array(a)
      try {
        return addon.privateKeyTweakAdd(sum, b)
      } catch {
        // Both are scalars, so a + b = n.
        return new Uint8Array(32)
      }
    },
    mulScalars: (a, b) => {
      check(a)
      check(b)
      if (isZero(a) || isZero(b)) return new Uint8Array(32)
      return addon.privateKeyTweakMul(new Uint8Array(a), b)
    },
    negateScalar: (a) => {
      check(a)
      return addon.privateKeyNegate(new Uint8Array(a))
    },
    // Negating reduces, and twice gives the same number back.
    reduce: (bytes) => {
      if (bytes.length !== 32) throw new TypeError('expected 32 bytes')
      return addon.privateKeyNegate(addon.privateKeyNegate(new Uint8Array(bytes)))
    },
  }
}
