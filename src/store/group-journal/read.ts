import { concatBytes, fromUtf8 } from '../../base/index.ts'
import { StoreError } from '../errors.ts'
import { type FileHead, type JournalLine, looksSigned, parseHead, readLine } from './format.ts'

/** One file of a journal, checked. */
export interface JournalFile {
  readonly head: FileHead
  /** All that stand whole, the head first: the last one is signed. */
  readonly lines: readonly JournalLine[]
  /** Bytes up to the end of the last signed line. */
  readonly goodBytes: number
  /** What stands behind: a sync that a crash cut off, of which nobody was told. Empty if there is none. */
  readonly torn: Uint8Array
}

const LINE_END = 0x0a

/** What there is of a file, and what is wrong with it. */
export interface JournalReading {
  /** Of a broken file its signed lines before the break, and nothing torn; undefined if that is not even a head. */
  readonly file: JournalFile | undefined
  /** `JOURNAL_BROKEN` naming the first line that is not as it was written. */
  readonly broken: StoreError | undefined
}

/** As `surveyJournalFile`, for whoever wants it whole. Throws `JOURNAL_BROKEN`. */
export function readJournalFile(journal: string, bytes: Uint8Array, path: string): JournalFile {
  const { file, broken } = surveyJournalFile(journal, bytes, path)
  if (broken !== undefined || file === undefined) throw broken
  return file
}

/**
 * Checks one file: order, hashes, signatures. `path` is for the message. Only what follows the last signed line, and claims no
 * signature itself, counts as torn. Never throws.
 */
export function surveyJournalFile(journal: string, bytes: Uint8Array, path: string): JournalReading {
  const lines: JournalLine[] = []
  let whole = 0
  let goodBytes = 0
  let start = 0
  let broken: StoreError | undefined
  while (start < bytes.length) {
    const end = bytes.indexOf(LINE_END, start)
    if (end === -1) break
    const last = lines.at(-1)
    const at = last && { seq: last.seq + 1, prev: last.hash }
    const line = readLine(journal, textOf(bytes.subarray(start, end)), at)
    if (typeof line === 'string') {
      if (lines.length === 0 || claimsSignature(bytes.subarray(start))) broken = brokenAt(path, lines.length + 1, line)
      break
    }
    lines.push(line)
    start = end + 1
    if (line.signedBy === undefined) continue
    whole = lines.length
    goodBytes = start
  }
  const head = parseHead(journal, lines[0]?.payload ?? '')
  if (head === undefined)
    return { file: undefined, broken: broken ?? brokenAt(path, 1, `does not begin a file of "${journal}"`) }
  const torn = broken === undefined ? concatBytes(bytes.subarray(goodBytes)) : new Uint8Array(0)
  return { file: { head, lines: lines.slice(0, whole), goodBytes, torn }, broken }
}

/** Whether any whole line from here on says that it ends a sync. */
function claimsSignature(bytes: Uint8Array): boolean {
  let start = 0
  for (;;) {
    const end = bytes.indexOf(LINE_END, start)
    if (end === -1) return false
    if (looksSigned(textOf(bytes.subarray(start, end)))) return true
    start = end + 1
  }
}

/** What is no text is no line either. */
function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes)
  } catch {
    return ''
  }
}

/** Why a file does not follow another one, as a few words; undefined if it does. */
export function findGap(before: JournalFile, file: JournalFile): string | undefined {
  const last = before.lines.at(-1)
  if (file.head.chain !== before.head.chain) return 'is of another chain'
  if (file.head.number !== before.head.number + 1)
    return `is file ${file.head.number}, and file ${before.head.number + 1} was to follow`
  if (last === undefined || file.head.prev !== last.hash || file.lines[0]?.seq !== last.seq + 1)
    return 'does not follow the end of the file before it: lines at its end are gone or others'
  return undefined
}

const brokenAt = (path: string, line: number, why: string) =>
  new StoreError('JOURNAL_BROKEN', `${path}: line ${line} ${why}`, { path, line })
