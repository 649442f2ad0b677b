import { schnorr_FROST, secp256k1, secp256k1_hasher } from '@noble/curves/secp256k1.js'
import { concatBytes, fromHex, utf8 } from '../../base/index.ts'
import { liftEven } from '../../curve/index.ts'
import type { Dealing, DealingFault, Identifier } from './types.ts'

const Point = secp256k1.Point
const Fn = Point.Fn
/** HDKG of the suite, as `frost-secp256k1-tr` names it; the library keeps its own copy private. */
const HDKG = { DST: utf8('FROST-secp256k1-SHA256-TR-v1dkg') }

/**
 * What is wrong with one dealing, or undefined. The library checks all dealings at once and doesn't say whose failed
 * (R19 wants a name), so this repeats its two checks for one.
 */
export function faultOfDealing(identifier: Identifier, threshold: number, dealing: Dealing): DealingFault | undefined {
  if (dealing.commitments.length !== threshold) return 'wrong_commitment_count'
  if (!dealing.commitments.every(isPoint)) return 'malformed'
  return provesKnowledge(identifier, dealing) ? undefined : 'bad_proof_of_knowledge'
}

/** Is `share` the dealer's polynomial at `receiver`? (RFC 9591 C.2 vss_verify.) False for anything malformed. */
export function shareMatches(receiver: Identifier, dealing: Dealing, share: Uint8Array): boolean {
  const signers = { min: dealing.commitments.length, max: dealing.commitments.length }
  try {
    schnorr_FROST.validateSecret(
      { identifier: receiver, signingShare: share },
      { signers, commitments: [...dealing.commitments], verifyingShares: {} },
    )
    return true
  } catch {
    return false
  }
}

/** Schnorr proof over HDKG(id ‖ A₀ ‖ R): R = z·G − c·A₀, R of even Y by its encoding. */
function provesKnowledge(identifier: Identifier, { commitments, proofOfKnowledge }: Dealing): boolean {
  const constant = commitments[0]
  if (constant === undefined || proofOfKnowledge.length !== 64) return false
  try {
    const R = Point.fromBytes(liftEven(proofOfKnowledge.subarray(0, 32)))
    const z = Fn.fromBytes(proofOfKnowledge.subarray(32))
    const A0 = Point.fromBytes(constant)
    const c = secp256k1_hasher.hashToScalar(concatBytes(fromHex(identifier), A0.toBytes(), R.toBytes()), HDKG)
    return R.equals(Point.BASE.multiplyUnsafe(z).subtract(A0.multiplyUnsafe(c)))
  } catch {
    return false
  }
}

function isPoint(bytes: Uint8Array): boolean {
  if (bytes.length !== 33) return false
  try {
    Point.fromBytes(bytes).assertValidity()
    return true
  } catch {
    return false
  }
}
