import { isHex, type PublicKey } from '../../base/index.ts'
import { decodeEvidence, encodeEvidence, evidenceId, MAX_EVIDENCE_BYTES } from './codec.ts'
import { judge } from './judge.ts'
import { type EvidenceCode, type EvidenceRecord, isEvidenceCode, NOT_PROVEN, type NotProven } from './types.ts'

/** How this node came by a record: its own machines, or a member that told it. */
export type Source = 'found' | 'told'

/** One line of the evidence file, for people; the record itself is in `record`. */
export interface EvidenceEntry {
  /** `evidenceId` of the record. */
  readonly id: string
  readonly atMs: number
  readonly source: Source
  readonly code: EvidenceCode
  readonly guilty: PublicKey
  readonly round: string
  readonly attempt: number
  /** The record's bytes, base64. */
  readonly record: string
}

/** undefined for what proves nothing: that is never written. */
export function entryOf(record: EvidenceRecord, source: Source, atMs: number): EvidenceEntry | NotProven {
  const judged = judge(record)
  if (!judged.ok) return judged.reason
  const bytes = encodeEvidence(record)
  // It could be told to nobody, and not be read again from the file.
  if (bytes.length > MAX_EVIDENCE_BYTES) return 'wrong_wires'
  const { member, code, round, attempt } = judged.guilt
  const text = Buffer.from(bytes).toString('base64')
  return { id: evidenceId(bytes), atMs, source, code, guilty: member, round, attempt, record: text }
}

export const entryText = (entry: EvidenceEntry): string => JSON.stringify(entry)

/** An entry as it was written, not judged again: for a file whose chain stands. undefined for anything else. */
export function parseEntry(text: string): EvidenceEntry | undefined {
  const v: unknown = parse(text)
  if (typeof v !== 'object' || v === null) return undefined
  const { id, atMs, source, code, guilty, round, attempt, record } = v as Readonly<Record<string, unknown>>
  const isWhole =
    isHash(id) &&
    isHash(round) &&
    typeof guilty === 'string' &&
    isHex(guilty, 33) &&
    typeof code === 'string' &&
    isEvidenceCode(code) &&
    (source === 'found' || source === 'told') &&
    typeof record === 'string' &&
    Number.isSafeInteger(atMs) &&
    Number.isSafeInteger(attempt)
  if (!isWhole) return undefined
  // In the order of `entryOf`: the text of an entry is compared.
  return {
    ...{ id, atMs: atMs as number, source, code, guilty: guilty as PublicKey },
    ...{ round, attempt: attempt as number, record },
  }
}

export const recordOfEntry = ({ record }: Pick<EvidenceEntry, 'record'>): EvidenceRecord | undefined =>
  decodeEvidence(Uint8Array.from(Buffer.from(record, 'base64')))

/** What `verifyEntry` says; docs/ROUNDS.md has a sentence for each. */
export const ENTRY_JUDGEMENTS = ['proven', ...NOT_PROVEN, 'malformed', 'summary_differs'] as const

/** Does an entry prove what it says? Why not, as a word. */
export function verifyEntry(entry: EvidenceEntry): (typeof ENTRY_JUDGEMENTS)[number] {
  const record = recordOfEntry(entry)
  if (record === undefined) return 'malformed'
  const again = entryOf(record, entry.source, entry.atMs)
  if (typeof again === 'string') return again
  return entryText(again) === entryText(entry) ? 'proven' : 'summary_differs'
}

const isHash = (v: unknown): v is string => typeof v === 'string' && isHex(v, 32)

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
