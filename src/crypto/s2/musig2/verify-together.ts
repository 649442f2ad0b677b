import { equalBytes } from '../../../base/index.ts'
import { type Curve, GENERATOR, type LinearTerm, randomBytes } from '../../../curve/index.ts'
import { halves, NONCE_BYTES } from './nonce-agg.ts'
import { type PartialSigner, verifyPartial } from './partial-verify.ts'
import { negated } from './points.ts'
import type { MusigSession } from './session.ts'

/** A partial signature, and what it is verified with. */
export interface MadePartial {
  readonly partial: Uint8Array
  readonly signer: PartialSigner
  readonly session: MusigSession
}

/** Random bytes of the number that each is multiplied with: two wrong ones cancel out once in 2³². They are our own. */
const WEIGHT_BYTES = 4

/**
 * Whether all verify: Σ z·(s·G − e·w·P) = Σ ±z·(R₁ + b·R₂), with a small random z for each. The multiples of G and of P are added
 * up as numbers. All must be of one context. False also for what is no scalar or no point: never throws.
 */
export function verifyTogether(made: readonly MadePartial[]): boolean {
  const [first, ...more] = made
  if (first === undefined) return true
  const { signer, session } = first
  const port = session.context.port
  if (more.length === 0) return verifyPartial(first.partial, signer, session, port)
  if (more.some((m) => m.session.context !== session.context || !equalBytes(m.signer.publicKey, signer.publicKey)))
    return false
  try {
    let [s, e]: [Uint8Array, Uint8Array] = [new Uint8Array(32), new Uint8Array(32)]
    const terms: LinearTerm[] = []
    const random = randomBytes(WEIGHT_BYTES * made.length)
    for (const [i, { partial, signer, session }] of made.entries()) {
      if (signer.publicNonce.length !== NONCE_BYTES) return false
      const z = smallScalar(random.subarray(i * WEIGHT_BYTES, (i + 1) * WEIGHT_BYTES))
      s = port.addScalars(s, port.mulScalars(partial, z))
      e = port.addScalars(e, port.mulScalars(session.challenge, z))
      terms.push(...nonceTerms(signer, session, z, port))
    }
    const signed = port.linearCombination([
      { scalar: s, point: GENERATOR },
      { scalar: port.negateScalar(port.mulScalars(e, signer.weight)), point: signer.publicKey },
    ])
    const nonces = port.linearCombination(terms)
    return signed !== undefined && nonces !== undefined && equalBytes(signed, nonces)
  } catch (error) {
    if (error instanceof TypeError) return false
    throw error
  }
}

/** ±z·R₁ and ±z·b·R₂. */
function nonceTerms(
  { publicNonce }: PartialSigner,
  { isOdd, nonceFactor }: MusigSession,
  z: Uint8Array,
  port: Curve,
): readonly LinearTerm[] {
  const [first, second] = halves(publicNonce).map((half) => (isOdd ? negated(half) : half))
  if (first === undefined || second === undefined) throw new TypeError('a public nonce has two halves')
  return [
    { scalar: z, point: first },
    { scalar: port.mulScalars(z, nonceFactor), point: second },
  ]
}

/** Odd, and so not zero. */
function smallScalar(random: Uint8Array): Uint8Array {
  const scalar = new Uint8Array(32)
  scalar.set(random, 32 - random.length)
  scalar[31] = (scalar[31] ?? 0) | 1
  return scalar
}
