import { encodeFields, toHex } from '../../base/index.ts'
import { taggedHash } from '../../curve/index.ts'
import { type BindingKey, parseBindingKey } from './binding-key.ts'
import type { OneTimeRecord } from './one-time-record.ts'

/** One use of a one-time secret. Holds nothing that the secret could be made from, and serves only to refuse (R32). */
export interface JournalEntry {
  readonly key: BindingKey
  /** Hash of the use as hex; undefined for a nonce that was shown and signed nothing yet. */
  readonly use: string | undefined
}

/** What a spoiled one-time key is told of by: a use that nothing hashes to. */
const SPOILED_USE = '00'.repeat(32)

export function entryOf(key: BindingKey, record: OneTimeRecord): JournalEntry {
  if (record.use === 'spoiled') return { key, use: SPOILED_USE }
  return { key, use: record.use === undefined ? undefined : toHex(record.use) }
}

/** Does the record say all that the entry says? */
export function isKnown(entry: JournalEntry, record: OneTimeRecord | undefined): boolean {
  if (record === undefined) return false
  if (record.use === 'spoiled' || entry.use === undefined) return true
  return record.use !== undefined && toHex(record.use) === entry.use
}

/** First line of a file. */
export interface JournalHead {
  readonly publicKey: string
  /** Of this file, 16 random bytes as hex. */
  readonly id: string
}
/** A line, and what the next one follows. */
export interface JournalLine extends JournalEntry {
  readonly seq: number
  readonly check: string
}

const CHECK_TAG = 'countersign/s2-journal'
const CHECK_DIGITS = 32
const HEAD = /^countersign s2 journal 1 ([0-9a-f]{64}) ([0-9a-f]{32})$/
const LINE = /^([1-9]\d{0,14}) (\S{66}) (-|[0-9a-f]{64}) ([0-9a-f]{32})$/

/** Bytes of the longest line, its end included. */
export const MAX_LINE_BYTES = 15 + 1 + 66 + 1 + 64 + 1 + CHECK_DIGITS + 1

export const headText = ({ publicKey, id }: JournalHead): string => `countersign s2 journal 1 ${publicKey} ${id}`
export const headCheck = (head: JournalHead): string => checkOf('', 0, headText(head))

export function parseHead(text: string): JournalHead | undefined {
  const [, publicKey, id] = HEAD.exec(text) ?? []
  return publicKey === undefined || id === undefined ? undefined : { publicKey, id }
}

export function nextLine(entry: JournalEntry, seq: number, previous: string): JournalLine {
  return { ...entry, seq, check: checkOf(previous, seq, bodyOf(entry)) }
}
export const lineText = (line: JournalLine): string => `${line.seq} ${bodyOf(line)} ${line.check}`

/** Undefined for what is no line; that it follows the one before, `follows` says. */
export function parseLine(text: string): JournalLine | undefined {
  const [, seq, keyText = '', use, check] = LINE.exec(text) ?? []
  const key = parseBindingKey(keyText)
  if (seq === undefined || use === undefined || check === undefined || key === undefined) return undefined
  return { seq: Number(seq), key, use: use === '-' ? undefined : use, check }
}
export const follows = (line: JournalLine, seq: number, previous: string): boolean =>
  line.seq === seq && line.check === checkOf(previous, seq, bodyOf(line))

const bodyOf = ({ key, use }: JournalEntry): string => `${key} ${use ?? '-'}`
const checkOf = (previous: string, seq: number, body: string): string =>
  toHex(taggedHash(CHECK_TAG, encodeFields(previous, seq, body))).slice(0, CHECK_DIGITS)
