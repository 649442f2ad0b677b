import { CodedError, sleep } from '../base/index.ts'
import type { AuditEntry } from '../signer/index.ts'
import { filesIn, readAuditFile } from './audit-files.ts'

/** How often a followed log is looked at again. */
const LOOK_MS = 500

/**
 * The last `count` decisions, oldest first, and where the log stands then. Of a broken file those before the break, and none of the files
 * before it. Throws what reading a file throws.
 */
export async function lastDecisions(
  dir: string,
  count: number,
): Promise<{ entries: readonly AuditEntry[]; seq: number; broken: CodedError | undefined }> {
  const entries: AuditEntry[] = []
  let seq = -1
  let broken: CodedError | undefined
  for (const path of (await filesIn(dir)).toReversed()) {
    const read = await readAuditFile(path)
    seq = Math.max(seq, read.file?.lines.at(-1)?.seq ?? -1)
    entries.unshift(...read.entries.slice(Math.max(0, read.entries.length - (count - entries.length))))
    if (read.broken !== undefined) broken = new CodedError('JOURNAL_BROKEN', read.broken, { path })
    if (broken !== undefined || entries.length >= count) break
  }
  return { entries: count === 0 ? [] : entries, seq, broken }
}

/** Calls `tell` with each decision behind `seq`, until the signal aborts. Only the newest two files are read. */
export async function followDecisions(
  dir: string,
  from: number,
  tell: (entry: AuditEntry) => void,
  signal: AbortSignal,
): Promise<void> {
  const { parseAuditEntry } = await import('../signer/index.ts')
  let seq = from
  while (!signal.aborted) {
    for (const path of (await filesIn(dir)).slice(-2)) {
      const read = await readAuditFile(path)
      for (const line of read.file?.lines ?? []) {
        if (line.seq <= seq) continue
        seq = line.seq
        const entry = parseAuditEntry(line.payload)
        if (entry !== undefined) tell(entry)
      }
    }
    await sleep(LOOK_MS, signal).catch(() => {})
  }
}
