import { concatBytes, fromUtf8 } from '../base/index.ts'
import { type ChainRecord, NO_HASH, readLine } from './chain-format.ts'
import { StoreError } from './errors.ts'

export interface ReadChain {
  /** Without the first one, which only names the chain. */
  readonly records: readonly ChainRecord[]
  /** Hash of the last record; undefined if there is none, not even a first. */
  readonly head: string | undefined
  /** Bytes up to the end of the last whole record. */
  readonly goodBytes: number
  /** What stands behind: a record that a crash cut off, which nobody was told had been made. Empty if there is none. */
  readonly torn: Uint8Array
}

/**
 * Checks a whole chain: order, hashes, signatures. `path` is for the message. Throws `JOURNAL_BROKEN` naming the record that
 * is not as it was written; what to do then is the caller's to say. Only a last line without its end, or with bytes that were never written, counts as torn.
 */
export function readChain(chain: string, bytes: Uint8Array, path: string): ReadChain {
  const records: ChainRecord[] = []
  let prev = NO_HASH
  let start = 0
  while (start < bytes.length) {
    const end = bytes.indexOf(LINE_END, start)
    if (end === -1) break
    const line = bytes.subarray(start, end)
    // A crash of the whole machine may leave a length without its content: zeros, which no record holds.
    if (line.includes(0)) {
      if (bytes.indexOf(LINE_END, end + 1) === -1) break
      throw broken(path, records.length, 'holds bytes that were never written')
    }
    const record = readLine(chain, textOf(line), records.length, prev)
    if (typeof record === 'string') throw broken(path, records.length, record)
    records.push(record)
    prev = record.hash
    start = end + 1
  }
  return {
    records: records.slice(1),
    head: records.at(-1)?.hash,
    goodBytes: start,
    torn: concatBytes(bytes.subarray(start)),
  }
}

const LINE_END = 0x0a

/** What is no text is no record either. */
function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes)
  } catch {
    return ''
  }
}

const broken = (path: string, seq: number, why: string) =>
  new StoreError('JOURNAL_BROKEN', `${path}: record ${seq} ${why}`, { path, record: seq })
