import { existsSync } from 'node:fs'
import { StoreError } from './errors.ts'
import type { Unlock } from './types.ts'

/** Where the passphrase of a key file lies unless it is named: `FILE.key` has `FILE.passphrase` beside it. */
export const passphraseFileBeside = (keyFile: string): string => `${keyFile.replace(/\.key$/, '')}.passphrase`

/**
 * What opens a key file that was named alone (`--key FILE.key`): `FILE.passphrase` beside it, as `init` and the devnet lay
 * them out. Reads neither. Throws `UNLOCK_FILE_MISSING` naming both.
 */
export function unlockBeside(keyFile: string): Unlock {
  const file = passphraseFileBeside(keyFile)
  if (!existsSync(file))
    throw new StoreError(
      'UNLOCK_FILE_MISSING',
      `there is no ${file}, which would open the key file ${keyFile}; put its passphrase file there`,
      { path: file, keyFile },
    )
  return { kind: 'passphrase', file }
}
