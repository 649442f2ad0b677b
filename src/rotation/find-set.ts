import { CodedError, type SetHash } from '../base/index.ts'

/** As git does it: fewer digits name too much, and are guessed too easily. */
export const MIN_PREFIX_DIGITS = 8

/** The one set whose hash begins with `text`; undefined if there is none. Throws `SET_PREFIX_SHORT`, `SET_AMBIGUOUS`. */
export function findSet(text: string, hashes: readonly SetHash[]): SetHash | undefined {
  if (!/^[0-9a-f]+$/.test(text)) return undefined
  if (text.length < MIN_PREFIX_DIGITS)
    throw new CodedError(
      'SET_PREFIX_SHORT',
      `name the set by its hash, or by at least the first ${MIN_PREFIX_DIGITS} digits of it: \`countersign rotation recall\` lists them`,
    )
  const found = [...new Set(hashes)].filter((hash) => hash.startsWith(text))
  if (found.length > 1)
    throw new CodedError(
      'SET_AMBIGUOUS',
      `${text} begins the hash of ${found.length} sets: ${found.toSorted().join(', ')}`,
    )
  return found[0]
}
