import { readPrivateFile } from '../../store/index.ts'
import { SignerError } from '../errors.ts'

/** A line; tokens of the usual services have under 2,000 characters. */
const MAX_TOKEN_BYTES = 4_096
/** What may stand in a header, without spaces. */
const TOKEN = /^[\x21-\x7e]+$/

/**
 * The validator's token: one line of a file that is its owner's alone. Throws `FILE_TOO_OPEN`, `FILE_UNREADABLE`,
 * `POLICY_TOKEN_FILE`; the token is in no error.
 */
export async function readValidatorToken(file: string): Promise<string> {
  const bytes = await readPrivateFile(file, MAX_TOKEN_BYTES)
  const token = bytes === undefined ? undefined : new TextDecoder().decode(bytes).trim()
  if (token !== undefined && TOKEN.test(token)) return token
  const why = token === undefined ? 'does not exist' : 'must hold one line of printable characters without spaces'
  throw new SignerError('POLICY_TOKEN_FILE', `[signing.http] token_file ${file} ${why}`, { file })
}
