import { configError } from './errors.ts'
import type { Read } from './readers.ts'
import { nearest } from './suggest.ts'

/** Parts of the secret-service seed, as rights name them (docs/PROTOCOL.md). */
export const S2_PARTS = ['general', 'stakechain', 'musig2', 'p2p', 'preimages', 'wots'] as const
export const THRESHOLD_KEY = 'threshold'
/** What a bridge may use unless its section says: keys of the key service are named one by one. */
export const DEFAULT_KEYS: readonly string[] = [THRESHOLD_KEY, 's2/*']

const KNOWN = [THRESHOLD_KEY, 's2/*', ...S2_PARTS.map((part) => `s2/${part}`), 'keys/*']

/** `threshold`, `s2/musig2`, `s2/*`, `keys/consensus-1`, `keys/*`. */
export const keyName: Read<string> = (value, at) => {
  const wanted = '"threshold", "s2/*", "s2/PART", "keys/*" or "keys/NAME", in quotes'
  if (typeof value !== 'string') throw configError(at, `must be ${wanted}`)
  if (KNOWN.includes(value) || /^keys\/[a-z0-9._-]{1,64}$/.test(value)) return value
  const meant = nearest(value, KNOWN)
  throw configError(at, `must be ${wanted}${meant === undefined ? '' : ` (did you mean "${meant}"?)`}`)
}

/** Does a list of key names hold this one? Nothing that is not listed. */
export const coversKey = (names: readonly string[], key: string): boolean =>
  names.includes(key) || names.includes(key.replace(/\/.*$/s, '/*'))
