import { readFile, stat } from 'node:fs/promises'
import { CodedError } from '../base/index.ts'

/** 16 random bytes as hex are 32 digits; anything much shorter can be guessed over a network. */
const MIN_TOKEN_CHARS = 16
const TOKEN = /^[\x21-\x7e]+$/

/**
 * Reads the admin token: one line, only for its owner's eyes. Throws `ADMIN_TOKEN_MISSING`, `FILE_TOO_OPEN`, `FILE_UNREADABLE`,
 * and `ADMIN_TOKEN_FILE` for what is no token; the token is in no error.
 */
export async function readTokenFile(file: string): Promise<string> {
  const bad = (code: string, what: string, cause?: unknown) =>
    new CodedError(code, `[admin] token_file ${file} ${what}`, { file }, { cause })
  const unreadable = (error: NodeJS.ErrnoException) =>
    error.code === 'ENOENT' || error.code === 'ENOTDIR'
      ? bad('ADMIN_TOKEN_MISSING', 'does not exist: make it, or take token_file out', error)
      : bad('FILE_UNREADABLE', `can't be read (${error.code ?? 'unknown error'}): check its owner and mode`, error)
  const info = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw unreadable(error)
  })
  if (!info.isFile()) throw bad('ADMIN_TOKEN_FILE', 'is not a file')
  if ((info.mode & 0o077) !== 0) throw bad('FILE_TOO_OPEN', `can be read by others: chmod 600 ${file}`)
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw unreadable(error)
  })
  const token = text.trim()
  if (token.length < MIN_TOKEN_CHARS || !TOKEN.test(token))
    throw bad(
      'ADMIN_TOKEN_FILE',
      `must hold one line of at least ${MIN_TOKEN_CHARS} printable characters without spaces`,
    )
  return token
}
