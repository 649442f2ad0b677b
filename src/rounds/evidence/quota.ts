import { LIMITS, type PublicKey } from '../../base/index.ts'
import { type EvidenceEntry, entryText } from './entry.ts'

/** What a line of the chain takes beside its entry: hashes, keys, signature. */
const LINE_BYTES = 512
/**
 * Of a member's places, for messages that can't be read: anybody makes those of any size, at no cost and against nobody else.
 * What it does beside must still be shown.
 */
const MALFORMED_PART = 1 / 2

interface Kept {
  records: number
  bytes: number
}

/** Bytes that an entry takes in the evidence file, or a little fewer. */
export const entryBytes = (entry: EvidenceEntry): number => entryText(entry).length + LINE_BYTES

/**
 * Places in the evidence file, by the guilty one: colluders that prove themselves guilty without end fill their own, and the proof
 * against somebody else is kept all the same.
 */
export class EvidenceQuota {
  readonly #all = new Map<PublicKey, Kept>()
  readonly #malformed = new Map<PublicKey, Kept>()

  /** Nothing more of this member is kept, whatever it is. */
  isFull(member: PublicKey): boolean {
    const { records, bytes } = keptOf(this.#all, member)
    return records >= LIMITS.maxEvidencePerMember || bytes >= LIMITS.maxMemberEvidenceBytes
  }

  hasRoom(entry: EvidenceEntry): boolean {
    const fits = (kept: Map<PublicKey, Kept>, part: number) => {
      const { records, bytes } = keptOf(kept, entry.guilty)
      const most = part * LIMITS.maxMemberEvidenceBytes
      return records < part * LIMITS.maxEvidencePerMember && bytes + entryBytes(entry) <= most
    }
    return fits(this.#all, 1) && (entry.code !== 'malformed' || fits(this.#malformed, MALFORMED_PART))
  }

  add(entry: EvidenceEntry): void {
    for (const kept of entry.code === 'malformed' ? [this.#all, this.#malformed] : [this.#all]) {
      const { records, bytes } = keptOf(kept, entry.guilty)
      kept.set(entry.guilty, { records: records + 1, bytes: bytes + entryBytes(entry) })
    }
  }
}

const keptOf = (kept: ReadonlyMap<PublicKey, Kept>, member: PublicKey): Kept =>
  kept.get(member) ?? { records: 0, bytes: 0 }
