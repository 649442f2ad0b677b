import {
  asGroupKey,
  asTranscriptHash,
  encodeFields,
  fromUtf8,
  type GroupKey,
  type TranscriptHash,
} from '../base/index.ts'
import type { Space } from '../store/index.ts'
import { SignerError } from './errors.ts'
import { decodeFields, decodeNumber } from './fields.ts'

/** The newest share known of a group key. */
export interface EpochRecord {
  readonly epoch: number
  readonly transcript: TranscriptHash
}

/**
 * Which epoch each group key has reached, kept apart from the shares: an old share file put back in their folder is then
 * an error and not a silent step back (R38).
 */
export interface EpochRecords {
  all(): ReadonlyMap<GroupKey, EpochRecord>
  /** Moves forward only; synced when it resolves. */
  advance(groupKey: GroupKey, record: EpochRecord): Promise<void>
}

/** Throws `SHARE_UNREADABLE` on a malformed record. */
export async function loadEpochRecords(space: Space): Promise<EpochRecords> {
  const known = new Map<GroupKey, EpochRecord>()
  for (const [key, bytes] of await space.entries()) known.set(...decode(key, bytes))
  return {
    all: () => known,
    async advance(groupKey, record) {
      const before = known.get(groupKey)
      if (before !== undefined && before.epoch >= record.epoch) return
      known.set(groupKey, record)
      await space.put(groupKey, encodeFields(record.epoch, record.transcript))
    },
  }
}

function decode(key: string, bytes: Uint8Array): [GroupKey, EpochRecord] {
  const [epochField, transcript] = decodeFields(bytes, 2) ?? []
  const epoch = epochField === undefined ? undefined : decodeNumber(epochField)
  try {
    if (epoch !== undefined && transcript !== undefined)
      return [asGroupKey(key), { epoch, transcript: asTranscriptHash(fromUtf8(transcript)) }]
  } catch (cause) {
    throw malformed(key, cause)
  }
  throw malformed(key)
}

const malformed = (key: string, cause?: unknown) =>
  new SignerError(
    'SHARE_UNREADABLE',
    `the stored epoch of key ${key} is malformed; restore the data folder from its backup`,
    { key },
    { cause },
  )
