import type { ChainRecord, OpenedJournal } from '../../src/store/index.ts'

/** What a machine's evidence file holds: payloads of its chain, in order. Outlives the process. */
export interface EvidenceLines {
  readonly payloads: string[]
}

/** A journal without a disk's pauses, which virtual time does not know. The chain itself is tested at real files. */
export function journalOf({ payloads }: EvidenceLines): OpenedJournal {
  const recordOf = (payload: string, seq: number): ChainRecord =>
    ({ seq, by: NOBODY, payload, hash: '' }) as ChainRecord
  return {
    records: payloads.map(recordOf),
    tornTo: undefined,
    journal: {
      path: '',
      append: async (payload) => recordOf(payload, payloads.push(payload)),
      head: () => '',
      sizeBytes: () => 0,
      close: async () => {},
    },
  }
}

const NOBODY = ''
