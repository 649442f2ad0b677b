import { dirname, join, relative } from 'node:path'
import { MAINNET_CHAIN_ID } from '../../registry/index.ts'
import type { Unlock } from '../../store/index.ts'
import { configError } from './errors.ts'
import type { CheckedFile } from './schema.ts'
import type { S2Config } from './types.ts'

type Section<S extends keyof CheckedFile['sections']> = CheckedFile['sections'][S]

interface Beside {
  readonly registry: Pick<Section<'registry'>, 'chain_id'>
  readonly keyFile: string
  /** What opens the key file. */
  readonly unlock: Unlock
  readonly dataDir: string
}

/** Name of the instance file beside the config, where that names none. */
export const DEFAULT_INSTANCE = 's2.instance'

/** A seed is named whole or not at all, pinned, and what remembers its use does not lie where a copy of the store takes it along. */
export function s2Of(s2: Section<'s2'>, beside: Beside, file: string): S2Config | undefined {
  const at = (key: string) => ({ file, section: 's2', key })
  const { seed_file, public_key, nonce_mode, journal_file, imported_nonces_file } = s2
  if (seed_file === undefined) {
    const { nonce_mode: _, reference_retired: __, ...rest } = s2
    for (const [key, value] of Object.entries(rest))
      if (value !== undefined) throw configError(at(key), 'means nothing without seed_file: add it, or take this out')
    if (nonce_mode !== 'native') throw configError(at('nonce_mode'), 'means nothing without seed_file: add it')
    return undefined
  }
  if (public_key === undefined)
    throw configError(at('public_key'), 'is missing beside seed_file: a wrong path must not become an identity')
  const unlock = unlockOf(s2, beside.unlock, file)
  const instance_file = s2.instance_file ?? join(dirname(file), DEFAULT_INSTANCE)
  // R32: a copy of the folder, or a backup of it that is put back, must not bring its proof along.
  for (const [key, path] of Object.entries({ instance_file, journal_file }))
    if (path !== undefined && isInside(beside.dataDir, path))
      throw configError(at(key), 'is inside data_dir: it must not be copied or restored with that')
  if (nonce_mode === 'reference' && beside.registry.chain_id === MAINNET_CHAIN_ID && !s2.reference_retired)
    throw configError(
      at('reference_retired'),
      'must be true for nonce_mode "reference" on mainnet: two services that make nonces from one seed give its key away',
    )
  if (imported_nonces_file !== undefined && nonce_mode !== 'reference')
    throw configError(at('imported_nonces_file'), 'means something with nonce_mode "reference" only: take it out')
  const files = { seed_file, instance_file, journal_file, imported_nonces_file }
  const seen = new Set([beside.keyFile, unlock.file, beside.unlock.file])
  for (const [key, path] of Object.entries(files)) {
    if (path === undefined) continue
    if (seen.has(path)) throw configError(at(key), 'names a file that is something else here already')
    seen.add(path)
  }
  return {
    seedFile: seed_file,
    publicKey: public_key,
    unlock,
    nonceMode: nonce_mode,
    referenceRetired: s2.reference_retired,
    instanceFile: instance_file,
    journalFile: journal_file,
    importedNoncesFile: imported_nonces_file,
  }
}

/** As the key file is opened, unless said. */
function unlockOf({ passphrase_file, identity_file }: Section<'s2'>, ofKeyFile: Unlock, file: string): Unlock {
  if (passphrase_file !== undefined && identity_file !== undefined)
    throw configError(
      { file, section: 's2', key: 'identity_file' },
      'stands beside passphrase_file: one of them opens seed_file',
    )
  if (passphrase_file !== undefined) return { kind: 'passphrase', file: passphrase_file }
  return identity_file === undefined ? ofKeyFile : { kind: 'identity', file: identity_file }
}

function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way !== '' && way !== '..' && !way.startsWith('../')
}
