import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describeError } from '../../base/index.ts'
import { errnoOf } from '../atomic-file.ts'
import { StoreError } from '../errors.ts'

const DIGITS = 8

/** `audit-00000001.jsonl`: their names sort as they follow each other. */
export const journalFileName = (journal: string, number: number): string =>
  `${journal}-${String(number).padStart(DIGITS, '0')}.jsonl`

/** Paths of a journal's files in a folder, oldest first; none if there is no folder. Throws `FILE_UNREADABLE`. */
export async function journalFilesIn(dir: string, journal: string): Promise<readonly string[]> {
  const names = await readdir(dir).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return []
    throw new StoreError(
      'FILE_UNREADABLE',
      `the folder ${dir} can't be read (${describeError(error)}); check its owner and mode`,
      { path: dir },
      { cause: error },
    )
  })
  const isOurs = new RegExp(`^${journal}-\\d{${DIGITS}}\\.jsonl$`)
  return names
    .filter((name) => isOurs.test(name))
    .toSorted()
    .map((name) => join(dir, name))
}
