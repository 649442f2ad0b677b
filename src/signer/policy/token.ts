import { readPrivateFile } from '../../store/index.ts'
import { SignerError, type SignerErrorCode } from '../errors.ts'

/** A line; tokens of the usual services have under 2,000 characters. */
const MAX_TOKEN_BYTES = 4_096
/** What may stand in a header, without spaces. */
const TOKEN = /^[\x21-\x7e]+$/

/**
 * The validator's token: one line of a file that is its owner's alone. Throws `FILE_TOO_OPEN`, `FILE_UNREADABLE`,
 * `POLICY_TOKEN_MISSING`, and `POLICY_TOKEN_FILE` for what is no token; the token is in no error.
 */
export async function readValidatorToken(file: string): Promise<string> {
  const bytes = await readPrivateFile(file, MAX_TOKEN_BYTES)
  const bad = (code: SignerErrorCode, why: string) =>
    new SignerError(code, `[signing.http] token_file ${file} ${why}`, { file })
  if (bytes === undefined) throw bad('POLICY_TOKEN_MISSING', 'does not exist: make it, or take token_file out')
  const token = new TextDecoder().decode(bytes).trim()
  if (TOKEN.test(token)) return token
  throw bad('POLICY_TOKEN_FILE', 'must hold one line of printable characters without spaces')
}
