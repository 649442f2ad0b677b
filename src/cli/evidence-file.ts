import { CodedError } from '../base/index.ts'
import type { EvidenceEntry } from '../rounds/index.ts'
import type { ReadChain } from '../store/index.ts'
import { readInput } from './read-input.ts'

export interface EvidenceFile {
  /** undefined for one exported record. */
  readonly chain: ReadChain | undefined
  readonly entries: readonly EvidenceEntry[]
  readonly unreadable: number
}

/**
 * An evidence file, or one exported record. Throws `FILE_MISSING` with `remedy`, `FILE_UNREADABLE`, `JOURNAL_BROKEN`. A node may
 * be writing to it: what it has not finished is not counted.
 */
export async function openEvidenceFile(path: string, remedy: string): Promise<EvidenceFile> {
  const [{ EVIDENCE_CHAIN, readChain }, { parseEntry }, bytes] = await Promise.all([
    import('../store/index.ts'),
    import('../rounds/index.ts'),
    readInput(path, remedy),
  ])
  const single = parseEntry(new TextDecoder().decode(bytes).trimEnd())
  if (single !== undefined) return { chain: undefined, entries: [single], unreadable: 0 }
  const chain = inWordsForReaders(path, () => readChain(EVIDENCE_CHAIN, bytes, path))
  // An empty file is no chain: nobody would notice that what was in it is gone.
  if (chain.head === undefined) throw noEvidenceFile(path, 'it holds no record')
  const entries = chain.records.map((r) => parseEntry(r.payload)).filter((e) => e !== undefined)
  return { chain, entries, unreadable: chain.records.length - entries.length }
}

/** Whoever reads here may have no node: what is to be done differs from what a node would be told. */
function inWordsForReaders(path: string, read: () => ReadChain): ReadChain {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof CodedError) || error.code !== 'JOURNAL_BROKEN') throw error
    if (error.data.record === 0) throw noEvidenceFile(path, error.message.replace(`${path}: `, ''))
    throw new CodedError(
      error.code,
      `${error.message}; the chain is broken there, and nothing in this file was judged: keep it as it is, and ask its writer for the original`,
      error.data,
      { cause: error },
    )
  }
}

const noEvidenceFile = (path: string, why: string) =>
  new CodedError(
    'JOURNAL_BROKEN',
    `${path} is no evidence file (${why}): name evidence.jsonl of a node, or one record that it exported`,
    { path },
  )
