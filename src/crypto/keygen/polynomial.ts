import { CodedError, zeroize } from '../../base/index.ts'
import { type Curve, randomBytes } from '../../curve/index.ts'
import { powersOf, sumOf, toScalarBytes } from '../public-scalars.ts'
import { reduceWide, WIDE_BYTES } from '../suite.ts'
import type { Rng } from './types.ts'

/** More than two zeros in a row don't happen to a generator of random bytes. */
const MAX_DRAWS = 3

/** A non-zero scalar of 48 random bytes, as the library draws it. 32 secret bytes. */
export function drawScalar(rng: Rng = (lengthBytes = WIDE_BYTES) => randomBytes(lengthBytes), port: Curve): Uint8Array {
  for (let i = 0; i < MAX_DRAWS; i++) {
    const wide = rng(WIDE_BYTES)
    const scalar = reduceWide(wide, port)
    zeroize(wide)
    if (port.isSecret(scalar)) return scalar
  }
  throw new CodedError('RNG_BROKEN', 'the random generator gives only zeros: no key may be made on this machine')
}

/** f(x) by Horner, 32 secret bytes; what it passes through is zeroed. `coefficients` begin with the constant term. */
export function evaluate(coefficients: readonly Uint8Array[], x: Uint8Array, port: Curve): Uint8Array {
  let y = new Uint8Array(32)
  for (const a of coefficients.toReversed()) {
    const product = port.mulScalars(y, x)
    const next = port.addScalars(product, a)
    zeroize(y, product)
    y = Uint8Array.from(next)
    zeroize(next)
  }
  return y
}

/** f(x)·G = Σ xᵏ·Cₖ, from the commitments to f. All public. undefined is the point at infinity; TypeError if one is no point. */
export function evaluateInExponent(commitments: readonly Uint8Array[], x: bigint, port: Curve): Uint8Array | undefined {
  const powers = powersOf(x, commitments.length)
  const higher = commitments.slice(1).map((point, k) => ({ scalar: toScalarBytes(powers[k + 1] ?? 0n), point }))
  return sumOf(port, [commitments[0], port.linearCombination(higher)])
}
