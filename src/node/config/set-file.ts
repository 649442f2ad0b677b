import { resolve } from 'node:path'
import { CodedError, LIMITS } from '../../base/index.ts'
import { configError } from './errors.ts'
import { parseToml, readToml } from './load.ts'
import { integer, list, publicKey } from './readers.ts'
import { checkSet } from './rules.ts'
import { nearest } from './suggest.ts'
import type { SetSpec } from './types.ts'

/** What an operator approves: a set, and which attempt at it (R7). */
export interface ApprovedSet extends SetSpec {
  readonly attempt: number
}

const FIRST_ATTEMPT = 1
const MAX_ATTEMPT = 1_000_000

const READERS = {
  keys: list(publicKey, 2, LIMITS.maxMultisigKeys, (key) => key),
  threshold: integer(2, LIMITS.maxMultisigKeys, 'signers'),
  attempt: integer(0, MAX_ATTEMPT, 'attempts'),
}
const KEYS = Object.keys(READERS)

/** Reads the FILE of `rotation approve --set FILE`. Throws `SET_FILE_INVALID`, `CONFIG_MISSING`, `CONFIG_UNREADABLE`. */
export async function loadSetFile(file: string): Promise<ApprovedSet> {
  const absolute = resolve(file)
  return parseSetFile(await readToml(absolute, 'write it with keys = [ … ] and threshold = …'), absolute)
}

/** As `loadSetFile`, of a text. */
export function parseSetFile(text: string, file: string): ApprovedSet {
  try {
    return check(parseToml(text, file), file)
  } catch (error) {
    // Its own code: the node's config is not at fault.
    if (error instanceof CodedError) throw new CodedError('SET_FILE_INVALID', error.message, error.data)
    throw error
  }
}

function check(document: Readonly<Record<string, unknown>>, file: string): ApprovedSet {
  const at = (key: string) => ({ file, section: '', key })
  for (const key of Object.keys(document)) {
    if (KEYS.includes(key)) continue
    const meant = nearest(key, KEYS)
    throw configError(
      at(key),
      `is not a known key: ${meant === undefined ? `known are ${KEYS.join(', ')}` : `did you mean ${meant}?`}`,
    )
  }
  for (const key of ['keys', 'threshold']) if (!Object.hasOwn(document, key)) throw configError(at(key), 'is missing')
  const keys = READERS.keys(document.keys, at('keys'))
  const set = checkSet(keys, READERS.threshold(document.threshold, at('threshold')), at('threshold'))
  const attempt = Object.hasOwn(document, 'attempt') ? READERS.attempt(document.attempt, at('attempt')) : FIRST_ATTEMPT
  return { ...set, attempt }
}
