import { equalBytes, fromHex } from '../../base/index.ts'
import { kindOf } from './binding-key.ts'
import { isKnown, type JournalEntry } from './journal-format.ts'
import { type NonceRecord, type OneTimeRecord, RUN_BYTES } from './one-time-record.ts'

export interface Merged {
  readonly record: OneTimeRecord
  /** One secret was used for two things, by two stores. */
  readonly isConflict: boolean
}

/**
 * What a record becomes by what another store's journal says; undefined if it says nothing new. The journal only ever forbids: a nonce of
 * another store is answered no more, and a one-time key keeps the use that it had (R32). `isOwn`: no other store wrote it.
 */
export function merge(
  known: OneTimeRecord | undefined,
  entry: JournalEntry,
  generation: number,
  isOwn: boolean,
): Merged | undefined {
  if (isKnown(entry, known) && (isOwn || !isShared(known))) return undefined
  const use = entry.use === undefined ? undefined : fromHex(entry.use)
  return kindOf(entry.key) === 'w' ? mergeWots(known, use) : mergeNonce(known, use, generation)
}

/**
 * R33: a nonce of reference mode is one and the same wherever it is shown. What the other store did with it after its journal was copied,
 * nobody here knows.
 */
const isShared = (known: OneTimeRecord | undefined): boolean => known?.kind === 'nonce' && known.origin === 'reference'

function mergeWots(known: OneTimeRecord | undefined, use: Uint8Array | undefined): Merged | undefined {
  // A use is there whenever a one-time key is told of; a line without one says nothing.
  if (use === undefined) return undefined
  if (known !== undefined) return { record: { kind: 'wots', use: 'spoiled' }, isConflict: true }
  // A journal spells a spoiled key as a use of zeros, that no message has: it can't be signed with here either.
  return { record: { kind: 'wots', use: use.every((byte) => byte === 0) ? 'spoiled' : use }, isConflict: false }
}

function mergeNonce(known: OneTimeRecord | undefined, use: Uint8Array | undefined, generation: number): Merged {
  const own = known?.kind === 'nonce' ? known.use : undefined
  const record: NonceRecord = {
    kind: 'nonce',
    origin: 'elsewhere',
    generation,
    run: new Uint8Array(RUN_BYTES),
    randomness: undefined,
    use: own ?? use,
  }
  return { record, isConflict: own !== undefined && use !== undefined && !equalBytes(own, use) }
}
