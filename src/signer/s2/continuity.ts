import { encodeFields, fromUtf8, isHex, toHex, utf8 } from '../../base/index.ts'
import { taggedHash } from '../../curve/index.ts'
import { S2StateError } from './errors.ts'
import { type InstanceToken, type ReadToken, tokenHash } from './instance-token.ts'

/** What the store keeps of the instance that it belongs to, for one seed. */
export interface StoreTie {
  readonly tokenHash: string
  readonly counter: number
  /** Of MuSig2 records; raised when an operator retires the one before. */
  readonly generation: number
  /** The journal that holds all that this store knows, and its last line that the store was compared with. */
  readonly journal: JournalMark | undefined
}

/** Up to where a journal was compared with its store. */
export interface JournalMark {
  readonly id: string
  readonly seq: number
  /** Where that line ends, and its check: what comes after it is read from there. */
  readonly bytes: number
  readonly check: string
}

/** Why a store can't prove that it remembers what its seed was used for. A closed list: status and docs/S2.md name them. */
export const LOST_REASONS = [
  /** No instance file: this is a copy on another machine, or the file was lost. */
  'no_instance_file',
  'instance_file_unreadable',
  /** The instance file was made with another seed. */
  'instance_of_other_seed',
  /** The seed was used before, or came from elsewhere, and this store has never heard of it. */
  'store_is_new',
  /** Store and instance file do not belong together. */
  'other_instance',
  /** The store stands where it stood at an earlier start: an old copy was put back. */
  'store_is_older',
  'instance_file_is_older',
  /** The journal tells of uses that the store does not know. */
  'journal_knows_more',
] as const
export type LostReason = (typeof LOST_REASONS)[number]

export type Continuity = { readonly standing: 'proven' } | Lost
export interface Lost {
  readonly standing: 'lost'
  readonly why: LostReason
  /** What an operator accepts it by, 16 hex digits: another one for each situation, so that no script accepts what nobody looked at. */
  readonly name: string
}

/** R32, of what is read at start. The journal is asked after this. */
export function judgeContinuity(token: ReadToken, tie: StoreTie | undefined, publicKey: string): Continuity {
  const why = lostReason(token, tie, publicKey)
  return why === undefined ? { standing: 'proven' } : lost(why, token, tie)
}

export function lost(why: LostReason, token: ReadToken, tie: StoreTie | undefined): Lost {
  const t = typeof token === 'string' ? token : encodeFields(token.instance, token.publicKey, token.counter)
  const s = tie === undefined ? '' : encodeFields(tie.tokenHash, tie.counter)
  return { standing: 'lost', why, name: toHex(taggedHash(NAME_TAG, encodeFields(why, t, s))).slice(0, NAME_DIGITS) }
}

function lostReason(token: ReadToken, tie: StoreTie | undefined, publicKey: string): LostReason | undefined {
  if (token === 'absent') return 'no_instance_file'
  if (token === 'unreadable') return 'instance_file_unreadable'
  if (token.publicKey !== publicKey) return 'instance_of_other_seed'
  if (tie === undefined) return token.fresh ? undefined : 'store_is_new'
  if (tie.tokenHash !== tokenHash(token)) return 'other_instance'
  if (tie.counter < token.counter) return 'store_is_older'
  // One ahead: the process died between the two writes, before it answered anything.
  if (tie.counter > token.counter + 1) return 'instance_file_is_older'
  return undefined
}

/**
 * Both a step further than either was: first the store's is written, then the file's. A count that stood in the store once is never
 * given again, or a copy of that time would pass for today's store (R32).
 */
export function advanced(
  token: InstanceToken,
  tie: StoreTie | undefined,
): { readonly token: InstanceToken; readonly tie: StoreTie } {
  const counter = Math.max(token.counter, tie?.counter ?? 0) + 1
  const kept = { generation: tie?.generation ?? 0, journal: tie?.journal }
  return { token: { ...token, counter, fresh: false }, tie: { tokenHash: tokenHash(token), counter, ...kept } }
}

const NAME_TAG = 'countersign/s2-lost'
const NAME_DIGITS = 16

export function encodeTie({ tokenHash: token_hash, counter, generation, journal }: StoreTie): Uint8Array {
  return utf8(JSON.stringify({ token_hash, counter, generation, ...(journal === undefined ? {} : { journal }) }))
}

/** Throws `S2_BINDINGS_UNREADABLE`. */
export function decodeTie(bytes: Uint8Array): StoreTie {
  const tie = parseTie(bytes)
  if (tie !== undefined) return tie
  throw new S2StateError(
    'S2_BINDINGS_UNREADABLE',
    'what the store keeps of its instance is malformed; restore the data folder',
  )
}

function parseTie(stored: Uint8Array): StoreTie | undefined {
  try {
    const json = JSON.parse(fromUtf8(stored)) as Readonly<Record<string, unknown>>
    const { token_hash, counter, generation } = json
    if (typeof token_hash !== 'string' || !isHex(token_hash, 32)) return undefined
    if (!isCount(counter) || !isCount(generation)) return undefined
    const journal = json.journal as Readonly<Record<string, unknown>> | undefined
    if (journal === undefined) return { tokenHash: token_hash, counter, generation, journal }
    const { id, seq, bytes, check } = journal
    if (typeof id !== 'string' || !isCount(seq) || !isCount(bytes) || typeof check !== 'string') return undefined
    return { tokenHash: token_hash, counter, generation, journal: { id, seq, bytes, check } }
  } catch {
    return undefined
  }
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
