import type { PublicKey } from '../../base/index.ts'
import type { PublicKeyPackage } from '../../crypto/index.ts'
import { decodeCertificate } from '../keygen/codec.ts'
import type { KeygenAbort, KeygenFault } from '../keygen/index.ts'
import { judge } from './judge.ts'
import { type EvidenceRecord, isEvidenceCode } from './types.ts'

/** Where something was said. */
export type Where = Pick<EvidenceRecord, 'network' | 'contract' | 'scope'>

/** A fault that this node's own keygen found; undefined where it can't be shown to others. */
export function recordOfFault(where: Where, { code, member, wires, reveal, commitments }: KeygenFault) {
  return isEvidenceCode(code) ? recordOf({ ...where, code, guilty: member, wires, reveal, commitments }) : undefined
}

/**
 * What another member's complaint proves: against whom it accuses, or, where its proof does not hold, against its author.
 * undefined for a mere claim.
 */
export function recordOfComplaint(
  where: Where,
  { by, accused, code, proof, wire }: Extract<KeygenAbort, { kind: 'complaint' }>,
): EvidenceRecord | undefined {
  if (accused === undefined || proof === undefined) return undefined
  const told = recordOfFault(where, { code, member: accused, ...proof })
  if (told !== undefined && judge(told).ok) return told
  return { ...where, code: 'false_complaint', guilty: by, wires: [wire] }
}

/** Without what is not there, so that a record has one form in memory, too. */
function recordOf({ reveal, commitments, ...rest }: EvidenceRecord): EvidenceRecord {
  const hasCommitments = commitments !== undefined && commitments.length > 0
  return { ...rest, ...(reveal && { reveal }), ...(hasCommitments && { commitments }) }
}

/** What a sign machine found, with the key whose shares it judged by. */
export interface SignFault {
  readonly code: 'invalid_share' | 'equivocation'
  readonly member: PublicKey
  readonly wires: readonly Uint8Array[]
  /** Of the key: its joint polynomial, its members in order, and the certificate that all of them signed (R20). */
  readonly key?: Pick<PublicKeyPackage, 'commitments' | 'members'> | undefined
  readonly certificate?: Uint8Array | undefined
}

/** undefined where the key that a share must be judged by is not at hand. */
export function recordOfSignFault(where: Where, fault: SignFault): EvidenceRecord | undefined {
  const { code, member, wires, key, certificate } = fault
  const record = { ...where, code, guilty: member, wires }
  if (code === 'equivocation') return record
  const confirm = certificate && decodeCertificate(certificate)?.[key?.members.indexOf(member) ?? -1]
  return key && confirm && { ...record, commitments: key.commitments, confirm }
}
