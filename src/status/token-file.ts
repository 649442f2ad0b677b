import { readFile, stat } from 'node:fs/promises'
import { CodedError } from '../base/index.ts'

/** 16 random bytes as hex are 32 digits; anything much shorter can be guessed over a network. */
const MIN_TOKEN_CHARS = 16
const TOKEN = /^[\x21-\x7e]+$/

/** Reads the admin token: one line, only for its owner's eyes. Throws `ADMIN_TOKEN_FILE`; the token is in no error. */
export async function readTokenFile(file: string): Promise<string> {
  const bad = (what: string, cause?: unknown) =>
    new CodedError('ADMIN_TOKEN_FILE', `[admin] token_file ${file} ${what}`, { file }, { cause })
  const info = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw bad(`can't be read (${error.code ?? 'unknown error'}): make it, or take token_file out`, error)
  })
  if (!info.isFile()) throw bad('is not a file')
  if ((info.mode & 0o077) !== 0) throw bad(`can be read by others: chmod 600 ${file}`)
  const token = (await readFile(file, 'utf8')).trim()
  if (token.length < MIN_TOKEN_CHARS || !TOKEN.test(token))
    throw bad(`must hold one line of at least ${MIN_TOKEN_CHARS} printable characters without spaces`)
  return token
}
