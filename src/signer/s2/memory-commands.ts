import type { Space } from '../../store/index.ts'
import type { StoreTie } from './continuity.ts'
import type { ContinuityKeeper } from './continuity-keeper.ts'
import { S2StateError } from './errors.ts'
import type { FatalLatch } from './fatal-latch.ts'
import type { JournalLine } from './journal-format.ts'
import { merge } from './journal-merge.ts'
import { readJournal, type WholeJournal } from './journal-read.ts'
import type { RecordChanges } from './record-changes.ts'
import { eachPage } from './record-pages.ts'
import type { RecordTable } from './record-table.ts'
import type { StoreJournal } from './store-journal.ts'
import type { NonceMode } from './types.ts'

/** What the operator's commands work on. */
export interface Remembered {
  readonly table: RecordTable
  /** Of the table, before they are on disk. */
  readonly changes: RecordChanges
  readonly records: Space
  readonly latch: FatalLatch
  readonly continuity: ContinuityKeeper
  readonly journal: StoreJournal | undefined
  /** From then on the journal hears of every record. Undefined where none is kept. */
  readonly openJournal: () => Promise<StoreJournal | undefined>
}

export interface ImportReport {
  readonly lines: number
  /** Uses that this store did not know. */
  readonly added: number
  /** One-time keys that two stores used differently; nothing is signed with them any more. */
  readonly conflicts: number
  /** Bytes at the end that a crash left. */
  readonly tornBytes: number
}

export interface RetireReport {
  /** The one that is written from now on. */
  readonly generation: number
  readonly dropped: number
}

/** See `S2Memory.accept`. */
export async function accept(at: Remembered, name: string): Promise<void> {
  const { now } = at.continuity
  if (now.standing === 'proven')
    throw new S2StateError('S2_ACCEPT_OTHER', 'this store proves that it remembers; there is nothing to accept')
  if (now.name !== name)
    throw new S2StateError(
      'S2_ACCEPT_OTHER',
      `what is to be accepted here is named ${now.name}, not ${name}; read docs/S2.md before you accept it`,
    )
  await establish(at)
}

/** See `S2Memory.importJournal`. */
export async function importJournal(at: Remembered, path: string): Promise<ImportReport> {
  const { publicKey } = at.continuity
  const whole = await readJournal(path)
  if (whole.head.publicKey !== publicKey)
    throw new S2StateError(
      'S2_JOURNAL_FOREIGN',
      `${path} is the journal of the seed with the key ${whole.head.publicKey}, and this one's is ${publicKey}`,
      { path },
    )
  const isLost = at.continuity.now.standing === 'lost'
  if (isLost) requireProof(path, whole, at.continuity.tie?.journal)
  const counted = { added: 0, conflicts: 0 }
  // Its own journal holds it already.
  const isOwn = at.journal?.file.head.id === whole.head.id
  const taken = await readJournal(path, (lines) => take(at, lines, counted, isOwn))
  if (taken.head.id !== whole.head.id || taken.seq < whole.seq)
    throw new S2StateError('S2_JOURNAL_BROKEN', `${path} was exchanged while it was read; import it again`, { path })
  if (isLost) await establish(at)
  return { lines: taken.seq, ...counted, tornBytes: taken.tornBytes }
}

/**
 * What says nothing, or less than this store has seen of it, can't be all that the seed was used for (R32): a disk that was not mounted,
 * an old copy. Only the operator's own word can stand in for it.
 */
function requireProof(path: string, { head, seq }: WholeJournal, compared: StoreTie['journal']): void {
  const least = compared?.id === head.id ? compared.seq : 0
  if (seq > 0 && seq >= least) return
  throw new S2StateError(
    'S2_JOURNAL_PROVES_NOTHING',
    `${path} has ${seq} lines${least > 0 ? `, and this store has seen ${least} of it` : ''}: it is not all that the seed was used for. Name the newest whole journal; if there is none, and nothing was answered that this store does not know, accept the store by name (countersign s2 status)`,
    { path, lines: seq, expected: Math.max(least, 1) },
  )
}

function take(
  { table, continuity }: Remembered,
  lines: readonly JournalLine[],
  counted: { added: number; conflicts: number },
  isOwn: boolean,
): Promise<void> {
  const generation = continuity.tie?.generation ?? 0
  return table.use(
    lines.map((line) => line.key),
    (records) => {
      for (const line of lines) {
        const merged = merge(records.get(line.key), line, generation, isOwn)
        if (merged === undefined) continue
        records.set(line.key, merged.record)
        counted.added++
        if (merged.isConflict) counted.conflicts++
      }
    },
    () => {},
    isOwn ? null : undefined,
  )
}

/** See `S2Memory.retireGeneration`. */
export async function retireGeneration(at: Remembered, nonceMode: NonceMode): Promise<RetireReport> {
  const { table, records, latch, continuity, journal } = at
  requireRetirable(at, nonceMode)
  const closed = continuity.tie?.generation ?? 0
  // Before anything is dropped: a copy from before is older from now on, and lines of what is dropped are no sign of one.
  await continuity.note({ generation: closed + 1 })
  await continuity.advance(journal?.mark)
  let dropped = 0
  await eachPage(records, async (page) => {
    const old = page.filter(([key, record]) => {
      const isMadeOnce = record.kind === 'nonce' && record.origin === 'native'
      // The journal may not have heard yet of one in use: its line would come after the mark.
      return isMadeOnce && record.generation < closed && !table.isInUse(key)
    })
    // One write: a crash leaves no line that is newer than the mark and whose record is gone.
    const dropping = () => [
      ...old.map(([key]) => records.delete(key)),
      ...(journal === undefined ? [] : [continuity.note({ journal: journal.mark })]),
    ]
    await latch.critical(() => Promise.all(dropping()))
    dropped += old.length
  })
  table.forgetIdle()
  // A copy from meanwhile holds what is gone here.
  await continuity.advance(journal?.mark)
  return { generation: closed + 1, dropped }
}

function requireRetirable({ continuity }: Remembered, nonceMode: NonceMode): void {
  if (nonceMode === 'reference')
    throw new S2StateError(
      'S2_RETIRE_REFUSED',
      'nonces of reference mode can be made again at any time, so what they signed is never forgotten',
    )
  if (continuity.now.standing === 'lost')
    throw new S2StateError(
      'S2_RETIRE_REFUSED',
      'this store can not prove what it was used for; import the journal or accept it first',
    )
}

async function establish({ table, continuity, openJournal }: Remembered): Promise<void> {
  const journal = await openJournal()
  // What was begun before the journal was there stands among the records when it is told of them all.
  await table.idle()
  await journal?.complete(undefined)
  await continuity.establish()
  if (journal !== undefined) await continuity.note({ journal: journal.mark })
}
