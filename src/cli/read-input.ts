import { readFile } from 'node:fs/promises'
import { CodedError, fromUtf8 } from '../base/index.ts'

/**
 * Bytes of a file that was named on the command line. Throws `FILE_MISSING` with `remedy` (what to do where there is none), and
 * `FILE_UNREADABLE`.
 */
export async function readInput(path: string, remedy: string): Promise<Uint8Array> {
  try {
    return Uint8Array.from(await readFile(path))
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code ?? 'unknown error'
    if (errno === 'ENOENT' || errno === 'ENOTDIR')
      throw new CodedError('FILE_MISSING', `there is no file ${path}: ${remedy}`, { path }, { cause })
    const why = errno === 'EISDIR' ? 'it is a folder' : `${errno}: check its owner and mode`
    throw new CodedError('FILE_UNREADABLE', `${path} can't be read (${why})`, { path }, { cause })
  }
}

/** Text of bytes; `from` names where they come from. Throws `USAGE` on what is not UTF-8. */
export function textOf(bytes: Uint8Array, from: string): string {
  try {
    return fromUtf8(bytes)
  } catch (cause) {
    throw new CodedError('USAGE', `${from} is not UTF-8 text`, {}, { cause })
  }
}
