import type { PublicKey, SetHash } from '../../base/index.ts'
import type { PairReveal } from '../../crypto/index.ts'
import { FAULT_CODES, type FaultCode } from '../keygen/index.ts'

/**
 * What can be proven to somebody who was not there. Of keygen's faults all but one: a key that contradicts its transcript shows
 * only beside everything that was ever dealt. Silence is not among them, and never will be: it is only a local claim.
 */
export const EVIDENCE_CODES = [
  ...FAULT_CODES.filter((code) => code !== 'transcript_mismatch'),
  /** A complaint whose proof does not hold. */
  'false_complaint' as const,
  /** A wrong share of a signature. */
  'invalid_share' as const,
] as const
export type EvidenceCode = Exclude<FaultCode, 'transcript_mismatch'> | 'false_complaint' | 'invalid_share'

export const isEvidenceCode = (code: string): code is EvidenceCode => EVIDENCE_CODES.some((c) => c === code)

/** The set on whose topic it was said, by what makes its name: a keygen's pending set (R7), or a signer set. */
export type EvidenceScope =
  | {
      readonly kind: 'pending'
      readonly parentSetHash: SetHash
      readonly keys: readonly PublicKey[]
      readonly threshold: number
      readonly attempt: number
    }
  | {
      readonly kind: 'set'
      readonly keys: readonly PublicKey[]
      readonly threshold: number
      readonly aggregateKey: PublicKey
    }

/** One provable fault with everything that judging it takes (R26). */
export interface EvidenceRecord {
  readonly code: EvidenceCode
  readonly guilty: PublicKey
  readonly network: string
  readonly contract: string
  readonly scope: EvidenceScope
  /** Signed envelopes; which, the code says. */
  readonly wires: readonly Uint8Array[]
  /** Opens the box of a wrong private share (R18). */
  readonly reveal?: PairReveal | undefined
  /** To the joint polynomial, 33 bytes each; for a wrong signature share. */
  readonly commitments?: readonly Uint8Array[] | undefined
  /** The guilty one's own confirm of the key, for a wrong share of a signature. */
  readonly confirm?: Uint8Array | undefined
}

/** Why a record proves nothing; the closed list. */
export const NOT_PROVEN = [
  /** A wire is no envelope of a member of that set, signed for that topic. */
  'bad_wire',
  /** The wires are not those that this code is shown by, or not of one slot, round, attempt and boot. */
  'wrong_wires',
  /** Something beside the wires is missing, or is not what the guilty one signed. */
  'unbound',
  /** What was said is in order. */
  'no_fault',
  /** It speaks of somebody else than it accuses. */
  'other_member',
] as const
export type NotProven = (typeof NOT_PROVEN)[number]

/** What a record proves, to anybody. `round` 64 hex digits. */
export interface Guilt {
  readonly member: PublicKey
  readonly code: EvidenceCode
  readonly round: string
  readonly attempt: number
}
export type Judgement =
  | { readonly ok: true; readonly guilt: Guilt }
  | { readonly ok: false; readonly reason: NotProven }
