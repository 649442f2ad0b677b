import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import type { BindingKey } from '../../../../src/signer/s2/binding-key.ts'
import { JournalFile } from '../../../../src/signer/s2/journal-file.ts'
import { readJournal } from '../../../../src/signer/s2/journal-read.ts'
import { codeThrownBy, tempFolders } from '../../store/temp-folder.ts'

const tempFolder = tempFolders()
const PUBLIC_KEY = 'ab'.repeat(32)
const entry = (n: number) => ({ key: `w/${String(n).padStart(64, '0')}` as BindingKey, use: 'cd'.repeat(32) })

async function opened(): Promise<{ readonly path: string; readonly journal: JournalFile; readonly disk: FileHandle }> {
  const path = join(tempFolder(), 's2.journal')
  const journal = await JournalFile.open(path, PUBLIC_KEY)
  // All handles of this process have one prototype, which is not exported.
  const handle = await open(path)
  const disk = Object.getPrototypeOf(handle)
  await handle.close()
  return { path, journal, disk }
}

describe('a journal file', () => {
  it('R32: should have a line on the disk before it is told so', async () => {
    const { journal, disk } = await opened()
    const [reached, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const datasync = vi.spyOn(disk, 'datasync').mockImplementation(() => {
      reached.resolve()
      return released.promise
    })
    let isTold = false
    const told = journal.append([entry(1)]).then(() => {
      isTold = true
    })
    await Promise.race([reached.promise, told])
    expect(isTold).toBe(false)
    released.resolve()
    await told
    datasync.mockRestore()
    await journal.close()
  })

  it('R30: should take nothing after a failed sync: nobody can say what is on the disk', async () => {
    const { path, journal, disk } = await opened()
    await journal.append([entry(1)])
    const failure = new Error('I/O error')
    const datasync = vi.spyOn(disk, 'datasync').mockRejectedValueOnce(failure)
    const both = [journal.append([entry(2)]), journal.append([entry(3)])]
    expect(await Promise.all(both.map(codeThrownBy))).toEqual([failure, failure])
    datasync.mockRestore()
    expect(await codeThrownBy(journal.append([entry(4)]))).toBe(failure)
    await journal.close()
    expect((await readJournal(path)).seq).toBeLessThan(4)
  })
})
