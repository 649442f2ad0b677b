export { EvidenceBook, type EvidenceBookInit, type EvidenceSummary, type EvidenceView } from './book.ts'
export { topicOf } from './case.ts'
export { decodeEvidence, encodeEvidence, evidenceId, MAX_EVIDENCE_BYTES } from './codec.ts'
export {
  ENTRY_JUDGEMENTS,
  type EvidenceEntry,
  entryOf,
  entryText,
  parseEntry,
  recordOfEntry,
  verifyEntry,
} from './entry.ts'
export { judge } from './judge.ts'
export { recordOfComplaint, recordOfFault, recordOfSignFault, type SignFault, type Where } from './record.ts'
export { slotOf } from './slots.ts'
export {
  EVIDENCE_CODES,
  type EvidenceCode,
  type EvidenceRecord,
  type EvidenceScope,
  type Guilt,
  isEvidenceCode,
  type Judgement,
  NOT_PROVEN,
  type NotProven,
} from './types.ts'
