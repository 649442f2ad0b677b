import type { KeyPair } from '../curve/index.ts'
import { unlockBeside } from './beside.ts'
import { openKeyFile } from './key-file.ts'
import type { Unlock } from './types.ts'

export type { KeyPair } from '../curve/index.ts'
export type { Unlock } from './types.ts'

/**
 * The package export `countersign/key-file`: the key of a sealed file, for `connect` of `countersign/client`. Without `unlock` the
 * `.passphrase` file beside it opens it. Throws as `openKeyFile`.
 */
export async function openClientKey(keyFile: string, unlock?: Unlock): Promise<KeyPair> {
  const { keyPair } = await openKeyFile(keyFile, unlock ?? unlockBeside(keyFile))
  return keyPair
}
