import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { describeError } from '../base/index.ts'
import { errnoOf } from './atomic-file.ts'
import { StoreError } from './errors.ts'

/** Group and world bits. Whoever may read a secret's file has the secret; whoever may write it can replace it. */
const TOO_OPEN = 0o077

/**
 * Reads a file that only its owner may touch; undefined if there is none. Mode and bytes come from one open file, so it can't be swapped in between.
 * Throws `FILE_TOO_OPEN` before a byte is read, and `FILE_UNREADABLE`.
 */
export async function readPrivateFile(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  let file: FileHandle
  try {
    // O_NONBLOCK: a FIFO under that name must not hang the start.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw unreadable(path, describeError(error))
  }
  try {
    const stats = await file.stat()
    if (!stats.isFile()) throw unreadable(path, 'it is not a regular file')
    if ((stats.mode & TOO_OPEN) !== 0) {
      const mode = (stats.mode & 0o777).toString(8).padStart(4, '0')
      throw new StoreError(
        'FILE_TOO_OPEN',
        `${path} has mode ${mode} and must be its owner's alone; run chmod 600 on it`,
        { path, mode },
      )
    }
    if (stats.size > maxBytes) throw unreadable(path, `it is larger than ${maxBytes} bytes`)
    // Buffers are not passed on: their slice() is a view, and callers mean a copy.
    return Uint8Array.from(await file.readFile())
  } catch (error) {
    throw error instanceof StoreError ? error : unreadable(path, describeError(error))
  } finally {
    await file.close()
  }
}

const unreadable = (path: string, why: string) =>
  new StoreError('FILE_UNREADABLE', `${path} can't be read: ${why}; check the path in the config`, { path })
