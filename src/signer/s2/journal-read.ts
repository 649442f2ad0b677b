import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { describeError, fromUtf8 } from '../../base/index.ts'
import { S2StateError } from './errors.ts'
import {
  follows,
  headCheck,
  type JournalHead,
  type JournalLine,
  MAX_LINE_BYTES,
  parseHead,
  parseLine,
} from './journal-format.ts'

const LINE_END = 0x0a
/** Some thousand lines at once. */
const CHUNK_BYTES = 1024 * 1024

/** The end of a line that is known. */
export interface JournalEnd {
  readonly seq: number
  readonly check: string
  /** Of the file up to there. */
  readonly bytes: number
}

export interface WholeJournal {
  readonly head: JournalHead
  /** Of the last whole line; 0 if there is none. */
  readonly seq: number
  /** Bytes behind the last whole line, that a crash left. */
  readonly tornBytes: number
}

/**
 * Reads a journal from its beginning, or from the end of a line that is known; checks that each line follows the one before, and hands the lines on in batches. Only as far as the
 * file went when it was opened. A last line without its end, or with bytes that were never written, is left out.
 * Throws `S2_JOURNAL_UNREADABLE`, `S2_JOURNAL_FOREIGN`, `S2_JOURNAL_BROKEN`; batches before the broken line were handed on by then.
 */
export async function readJournal(
  path: string,
  onLines: (lines: readonly JournalLine[], head: JournalHead) => Promise<void> = async () => {},
  after?: JournalEnd & { readonly head: JournalHead },
): Promise<WholeJournal> {
  const file = await openJournal(path, constants.O_RDONLY)
  try {
    const { size } = await file.stat()
    let head = after?.head
    let { check, seq, bytes: good } = after ?? { check: '', seq: 0, bytes: 0 }
    let pending: Uint8Array = new Uint8Array(0)
    for (let at = good; at < size; ) {
      const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, size - at))
      const { bytesRead } = await file.read(chunk, 0, chunk.length, at)
      if (bytesRead === 0) break
      at += bytesRead
      const bytes = Buffer.concat([pending, chunk.subarray(0, bytesRead)])
      const lines: JournalLine[] = []
      let start = 0
      for (let end = bytes.indexOf(LINE_END); end !== -1; end = bytes.indexOf(LINE_END, start)) {
        const text = textOf(bytes.subarray(start, end))
        if (head === undefined) {
          head = parseHead(text)
          if (head === undefined) throw foreign(path)
          check = headCheck(head)
        } else {
          const line = parseLine(text)
          if (line === undefined || !follows(line, seq + 1, check)) {
            if (at >= size && bytes.indexOf(LINE_END, end + 1) === -1 && bytes.subarray(start, end).includes(0)) break
            throw brokenAt(path, seq + 1)
          }
          ;({ seq, check } = line)
          lines.push(line)
        }
        good += end + 1 - start
        start = end + 1
      }
      pending = bytes.subarray(start)
      if (head === undefined && pending.length > MAX_LINE_BYTES) throw foreign(path)
      if (pending.length > MAX_LINE_BYTES && !pending.includes(0)) throw brokenAt(path, seq + 1)
      if (head !== undefined && lines.length > 0) await onLines(lines, head)
    }
    if (head === undefined) throw foreign(path)
    return { head, seq, tornBytes: size - good }
  } finally {
    await file.close()
  }
}

/** Never follows a link, never waits for a FIFO. Throws `S2_JOURNAL_UNREADABLE`. */
export async function openJournal(path: string, flags: number): Promise<FileHandle> {
  let file: FileHandle | undefined
  try {
    file = await open(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o600)
    if (!(await file.stat()).isFile()) throw new TypeError('it is not a regular file')
    return file
  } catch (error) {
    await file?.close()
    throw new S2StateError(
      'S2_JOURNAL_UNREADABLE',
      `the journal ${path} can't be opened (${describeError(error)}); check the path and the file's owner`,
      { path },
      { cause: error },
    )
  }
}

/** What is no text is no line either. */
export function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes)
  } catch {
    return ''
  }
}

export const foreign = (path: string) =>
  new S2StateError(
    'S2_JOURNAL_FOREIGN',
    `${path} is no binding journal; name the file that the config calls journal_file`,
    {
      path,
    },
  )
export const brokenAt = (path: string, seq: number) =>
  new S2StateError(
    'S2_JOURNAL_BROKEN',
    `${path}: line ${seq} is not as it was written; take another copy of this journal, it must be whole`,
    { path, line: seq },
  )
