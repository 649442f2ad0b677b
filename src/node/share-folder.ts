import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { PublicKey } from '../base/index.ts'

export interface SharePlace {
  readonly dir: string
  /** Space of the store with the newest epoch of each key. */
  readonly epochs: string
}

/**
 * Shares are sealed to the key file of their owner, so those of two keys never stand in one folder: a node's first key has
 * `shares`, every later one `shares-of-<key>`, and keeps it when the operator has made it `key_file`.
 */
export async function sharePlaceOf(dataDir: string, owner: PublicKey, isNext: boolean): Promise<SharePlace> {
  const suffix = `-of-${owner.slice(0, 16)}`
  const later = { dir: join(dataDir, `shares${suffix}`), epochs: `epochs${suffix}` }
  return isNext || (await exists(later.dir)) ? later : { dir: join(dataDir, 'shares'), epochs: 'epochs' }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error: unknown) => {
      // Anything else than "there is none" must not end in the other folder.
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
      throw error
    },
  )
