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
