import { link, mkdir, open, rename, rm, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { describeError, toHex } from '../base/index.ts'
import { randomBytes } from '../curve/index.ts'
import { StoreError } from './errors.ts'

export interface AtomicWrite {
  /** `never` refuses with FILE_EXISTS, also when two processes write at once. */
  readonly overwrite: 'always' | 'never'
  /** Permission bits, 0600 unless said. */
  readonly mode?: number
}

/**
 * Writes a whole file so that a reader or a crash sees the old one or the new one: temporary file, fsync, move into place,
 * fsync of the folder. Throws `FILE_EXISTS`, `FILE_WRITE_FAILED`.
 */
export async function writeFileAtomic(path: string, bytes: Uint8Array, how: AtomicWrite): Promise<void> {
  const temporary = `${path}.${toHex(randomBytes(6))}.tmp`
  try {
    await writeSynced(temporary, bytes, how.mode ?? 0o600)
    if (how.overwrite === 'always') await rename(temporary, path)
    else {
      // link() fails where the name is taken; rename() would replace it.
      await link(temporary, path)
      await unlink(temporary)
    }
    await syncFolder(dirname(path))
  } catch (error) {
    const leftover = await removeIfThere(temporary)
    if (errnoOf(error) === 'EEXIST')
      throw new StoreError('FILE_EXISTS', `${path} exists already and is never overwritten; move it away first`, {
        path,
      })
    throw new StoreError(
      'FILE_WRITE_FAILED',
      `${path} could not be written (${describeError(error)}); check the disk and the folder's owner${leftover}`,
      { path },
      { cause: error },
    )
  }
}

/** Moves a file that is whole and synced to its name, over what has it; for good when it resolves. Throws `FILE_WRITE_FAILED`. */
export async function moveIntoPlace(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
    await syncFolder(dirname(to))
  } catch (error) {
    throw new StoreError(
      'FILE_WRITE_FAILED',
      `${to} could not be written (${describeError(error)}); check the disk and the folder's owner`,
      { path: to },
      { cause: error },
    )
  }
}

/** Takes a file away, for good when it resolves; one that isn't there is no error. Throws `FILE_WRITE_FAILED`. */
export async function removeFile(path: string): Promise<void> {
  try {
    await rm(path, { force: true })
    await syncFolder(dirname(path))
  } catch (error) {
    throw new StoreError(
      'FILE_WRITE_FAILED',
      `${path} could not be removed (${describeError(error)}); check the folder's owner`,
      { path },
      { cause: error },
    )
  }
}

/** Makes a folder (and its parents) with mode 0700 if it isn't there. Throws `FILE_WRITE_FAILED`. */
export async function ensurePrivateFolder(path: string): Promise<void> {
  try {
    const made = await mkdir(path, { recursive: true, mode: 0o700 })
    if (made !== undefined) await syncFolder(dirname(made))
  } catch (error) {
    throw new StoreError(
      'FILE_WRITE_FAILED',
      `the folder ${path} could not be made (${describeError(error)}); make it for the user that runs the node`,
      { path },
      { cause: error },
    )
  }
}

/** `ENOENT`, `EEXIST`, … of a failed file operation. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

async function writeSynced(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** A new name is durable only once its folder is. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** What to add to the message if the file could not be removed; the first failure is the one to report. */
async function removeIfThere(path: string): Promise<string> {
  try {
    await unlink(path)
    return ''
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? '' : `, and delete the leftover ${path}`
  }
}
