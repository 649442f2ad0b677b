import { concatBytes, equalBytes } from '../../base/index.ts'
import { type Curve, curve, GENERATOR, liftEven } from '../../curve/index.ts'
import { parseIdentifier } from '../identifier.ts'
import { neg, parsePublicScalar, reduced, toScalarBytes } from '../public-scalars.ts'
import { knowledgeHash } from '../suite.ts'
import { drawScalar, evaluateInExponent } from './polynomial.ts'
import type { Dealing, DealingFault, Identifier, Rng } from './types.ts'

/** What is wrong with one dealing, or undefined. */
export function faultOfDealing(
  identifier: Identifier,
  threshold: number,
  dealing: Dealing,
  port: Curve = curve,
): DealingFault | undefined {
  if (dealing.commitments.length !== threshold) return 'wrong_commitment_count'
  if (!dealing.commitments.every(port.isPoint)) return 'malformed'
  return faultOfProof(identifier, dealing, port)
}

/** The last of these checks alone, for a dealing whose points are known to be points. */
export const faultOfProof = (identifier: Identifier, dealing: Dealing, port: Curve): DealingFault | undefined =>
  provesKnowledge(identifier, dealing, port) ? undefined : 'bad_proof_of_knowledge'

/** Is `share` the dealer's polynomial at `receiver`? (RFC 9591 C.2 vss_verify.) False for anything malformed, and for zero. */
export function shareMatches(receiver: Identifier, dealing: Dealing, share: Uint8Array, port: Curve = curve): boolean {
  if (share.length !== 32 || !port.isSecret(share) || !dealing.commitments.every(port.isPoint)) return false
  const promised = evaluateInExponent(dealing.commitments, parseIdentifier(receiver).scalar, port)
  return promised !== undefined && equalBytes(port.publicKeyOf(share), promised)
}

/** Schnorr proof of the constant term: x(R) ‖ k + c·a₀, R of even Y, c = HDKG(id ‖ A₀ ‖ R). 64 bytes. */
export function proveKnowledge(
  identifier: Identifier,
  constant: { readonly secret: Uint8Array; readonly point: Uint8Array },
  rng: Rng | undefined,
  port: Curve,
): Uint8Array {
  const k = drawScalar(rng, port)
  const R = port.publicKeyOf(k)
  const nonce = R[0] === 0x03 ? port.negateScalar(k) : k
  const x = R.subarray(1)
  const c = knowledgeHash(concatBytes(parseIdentifier(identifier).bytes, constant.point, liftEven(x)), port)
  const product = port.mulScalars(constant.secret, c)
  const proof = concatBytes(x, port.addScalars(nonce, product))
  for (const secret of [k, nonce, product]) secret.fill(0)
  return proof
}

/** z·G − c·A₀ = R. An R that is no point equals nothing that the port computes. */
function provesKnowledge(identifier: Identifier, { commitments, proofOfKnowledge }: Dealing, port: Curve): boolean {
  const constant = commitments[0]
  if (constant === undefined || proofOfKnowledge.length !== 64) return false
  const R = liftEven(proofOfKnowledge.subarray(0, 32))
  const z = parsePublicScalar(proofOfKnowledge.subarray(32))
  if (z === undefined) return false
  const c = knowledgeHash(concatBytes(parseIdentifier(identifier).bytes, constant, R), port)
  const found = port.linearCombination([
    { scalar: toScalarBytes(z), point: GENERATOR },
    { scalar: toScalarBytes(neg(reduced(c))), point: constant },
  ])
  return found !== undefined && equalBytes(found, R)
}
