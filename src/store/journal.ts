import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { describeError, utf8 } from '../base/index.ts'
import { ensurePrivateFolder, syncFolder } from './atomic-file.ts'
import { StoreError } from './errors.ts'

const LINE_END = 0x0a
const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW

/** A file of lines that only grows, mode 0600. */
export interface Journal {
  /** Synced when it resolves; lines stand in the order of the calls. Throws `FILE_WRITE_FAILED`, TypeError for a line end inside. */
  append(line: string): Promise<void>
}

export function fileJournal(path: string): Journal {
  let last: Promise<unknown> = Promise.resolve()
  return {
    append(line) {
      if (line.includes('\n')) return Promise.reject(new TypeError('line: expected no line end inside'))
      const write = () => appendLine(path, line)
      // A failed append was its own caller's to see; the next one still runs.
      const appended = last.then(write, write)
      last = appended
      return appended
    },
  }
}

async function appendLine(path: string, line: string): Promise<void> {
  try {
    await ensurePrivateFolder(dirname(path))
    const file = await open(path, FLAGS, 0o600)
    try {
      await file.chmod(0o600)
      const { size } = await file.stat()
      // A line that a crash cut off is left as it is, and must not swallow the next.
      const start = size > 0 && (await lastByte(file, size)) !== LINE_END ? '\n' : ''
      await file.appendFile(utf8(`${start}${line}\n`))
      await file.sync()
    } finally {
      await file.close()
    }
    await syncFolder(dirname(path))
  } catch (error) {
    throw new StoreError(
      'FILE_WRITE_FAILED',
      `${path} can't be written (${describeError(error)}); check its owner, and the space on its disk`,
      { path },
      { cause: error },
    )
  }
}

async function lastByte(file: FileHandle, size: number): Promise<number | undefined> {
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1)
  return buffer[0]
}
