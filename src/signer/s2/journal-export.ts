import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { describeError } from '../../base/index.ts'
import { ensurePrivateFolder, moveIntoPlace, removeFile } from '../../store/index.ts'
import { S2StateError } from './errors.ts'
import { JournalFile } from './journal-file.ts'
import { entryOf } from './journal-format.ts'
import type { Remembered } from './memory-commands.ts'
import { writeAll } from './store-journal.ts'

/**
 * See `S2Memory.exportJournal`. The file has its name only when it is whole: half of one would pass for all that the seed was used for (R32).
 */
export async function exportJournal(at: Remembered, path: string): Promise<number> {
  requireProven(at)
  const unfinished = `${path}.unfinished`
  await reserve(path)
  try {
    // A crash may have left one.
    await removeFile(unfinished)
    const lines = await writeWhole(at, unfinished)
    await moveIntoPlace(unfinished, path)
    return lines
  } catch (error) {
    await Promise.allSettled([removeFile(path), removeFile(unfinished)])
    throw error
  }
}

function requireProven({ continuity }: Remembered): void {
  if (continuity.now.standing === 'lost')
    throw new S2StateError(
      'S2_EXPORT_REFUSED',
      'this store can not prove that it remembers, and a journal of it would pass for all that the seed was used for; import the newest journal or accept the store first',
    )
}

/** All that was decided before the last page was read, however busy the node is. */
async function writeWhole({ table, records, latch, continuity, changes }: Remembered, path: string): Promise<number> {
  const file = await JournalFile.open(path, continuity.publicKey)
  try {
    let told: Promise<void> = Promise.resolve()
    const stop = changes.listen((changed) => {
      told = file.append([...changed].map(([key, record]) => entryOf(key, record)))
      // After one that failed all are refused, the last one too.
      told.catch(() => {})
    })
    try {
      // What was decided before this stands among the records then; what comes after is heard.
      await table.idle()
      await writeAll(records, file)
    } finally {
      stop()
    }
    await told
    latch.assertSound()
    return file.seq
  } finally {
    await file.close()
  }
}

/** An empty file, that is no journal, holds the place. */
async function reserve(path: string): Promise<void> {
  await ensurePrivateFolder(dirname(path))
  try {
    await (await open(path, 'wx', 0o600)).close()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST')
      throw new S2StateError('S2_JOURNAL_FOREIGN', `${path} is there already; name a file that is not there`, { path })
    throw new S2StateError(
      'S2_JOURNAL_UNREADABLE',
      `the journal ${path} can't be written (${describeError(error)}); check the path and the folder's owner`,
      { path },
      { cause: error },
    )
  }
}
