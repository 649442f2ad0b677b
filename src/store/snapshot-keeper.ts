import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { describeError } from '../base/index.ts'
import { ensurePrivateFolder, errnoOf, writeFileAtomic } from './atomic-file.ts'
import { StoreError } from './errors.ts'

/** One value that survives restarts (fits the registry's `SnapshotKeeper`). */
export interface FileKeeper {
  /** undefined if nothing was saved yet. Throws `FILE_UNREADABLE`. */
  load(): Promise<Uint8Array | undefined>
  /** Synced when it resolves; saves are performed in the order of their calls. Throws `FILE_WRITE_FAILED`. */
  save(bytes: Uint8Array): Promise<void>
}

export function fileKeeper(path: string): FileKeeper {
  let last: Promise<unknown> = Promise.resolve()
  return {
    async load() {
      try {
        return Uint8Array.from(await readFile(path))
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return undefined
        throw new StoreError(
          'FILE_UNREADABLE',
          `${path} can't be read (${describeError(error)}); check its owner`,
          { path },
          { cause: error },
        )
      }
    },
    save(bytes) {
      const copy = Uint8Array.from(bytes)
      const write = async () => {
        await ensurePrivateFolder(dirname(path))
        await writeFileAtomic(path, copy, { overwrite: 'always' })
      }
      // A failed save was its own caller's to see; the next one still runs.
      const saved = last.then(write, write)
      last = saved
      return saved
    },
  }
}
