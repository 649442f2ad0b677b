import { join } from 'node:path'
import { CodedError, type PublicKey } from '../base/index.ts'
import type { AuditEntry } from '../signer/index.ts'
import type { JournalFile } from '../store/index.ts'
import { openConfig } from './context.ts'
import { readInput } from './read-input.ts'

/** What became of checking the files of an audit log. */
export interface AuditCheck {
  readonly files: readonly string[]
  /** Sound ones. */
  readonly decisions: number
  readonly firstAtMs: number | undefined
  readonly lastAtMs: number | undefined
  readonly signedBy: readonly PublicKey[]
  /** Hash of the last line; undefined where none could be read. */
  readonly head: string | undefined
  /** Lines at the end of the last file that a crash cut off, or that are just being written. */
  readonly tornBytes: number
  /** Number of the first file, if it is not the first of its chain: what came before is elsewhere. */
  readonly beginsAtFile: number | undefined
  /** Where it is not as it was written; each a sentence that names the file. */
  readonly breaks: readonly string[]
}

/** Files that were named, or those of the config's node, oldest first. Throws `FILE_MISSING` where there are none. */
export async function auditFilesOf(named: readonly string[], config: string): Promise<readonly string[]> {
  if (named.length > 0) return named
  const dir = await auditDirOf(config)
  const files = await filesIn(dir)
  if (files.length > 0) return files
  const remedy = 'name files of an audit log, or start the node, which begins one'
  throw new CodedError('FILE_MISSING', `there is no audit log in ${dir}: ${remedy}`, { path: dir })
}

export const auditDirOf = async (config: string): Promise<string> => join((await openConfig(config)).dataDir, 'audit')

export async function filesIn(dir: string): Promise<readonly string[]> {
  const [{ journalFilesIn }, { AUDIT_JOURNAL }] = await Promise.all([
    import('../store/index.ts'),
    import('../signer/index.ts'),
  ])
  return await journalFilesIn(dir, AUDIT_JOURNAL)
}

/** Counts what is sound before a break, and goes on behind it: one file that is spoilt says nothing of the next. Throws what reading a file throws. */
export async function checkAuditFiles(files: readonly string[]): Promise<AuditCheck> {
  const { findGap } = await import('../store/index.ts')
  const breaks: string[] = []
  const signedBy = new Set<PublicKey>()
  let decisions = 0
  let firstAtMs: number | undefined
  let lastAtMs: number | undefined
  let before: JournalFile | undefined
  let first: JournalFile | undefined
  for (const path of files) {
    const read = await readAuditFile(path)
    const { file, entries, broken } = read
    const gap = before && file && findGap(before, file)
    if (gap !== undefined) breaks.push(`${path}: ${gap}`)
    if (broken !== undefined) breaks.push(broken)
    if (file !== undefined && file.torn.length > 0 && path !== files.at(-1))
      breaks.push(`${path}: its end was cut off or is not signed`)
    for (const { signedBy: by } of file?.lines ?? []) if (by !== undefined) signedBy.add(by)
    decisions += entries.length
    firstAtMs ??= entries[0]?.atMs
    lastAtMs = entries.at(-1)?.atMs ?? lastAtMs
    // What follows a break can't be held against anything.
    before = broken === undefined ? file : undefined
    first ??= file
  }
  return {
    ...{ files, decisions, firstAtMs, lastAtMs, breaks },
    signedBy: [...signedBy],
    head: before?.lines.at(-1)?.hash,
    tornBytes: before?.torn.length ?? 0,
    beginsAtFile: first === undefined || first.head.number === 1 ? undefined : first.head.number,
  }
}

export interface AuditFile {
  /** Of a broken one what is sound before the break; undefined if nothing is. */
  readonly file: JournalFile | undefined
  readonly entries: readonly AuditEntry[]
  /** Why it is not as it was written. */
  readonly broken: string | undefined
}

/** A file with its decisions. Throws `FILE_MISSING`, `FILE_UNREADABLE`. */
export async function readAuditFile(path: string): Promise<AuditFile> {
  const [{ surveyJournalFile }, { AUDIT_JOURNAL, parseAuditEntry }, bytes] = await Promise.all([
    import('../store/index.ts'),
    import('../signer/index.ts'),
    readInput(path, 'name a file of an audit log'),
  ])
  const { file, broken } = surveyJournalFile(AUDIT_JOURNAL, bytes, path)
  const lines = file?.lines ?? []
  const entries = lines.map((l) => parseAuditEntry(l.payload)).filter((e) => e !== undefined)
  return { file, entries, broken: broken?.message }
}
