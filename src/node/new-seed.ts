import { fromHex, type PublicKey, zeroize } from '../base/index.ts'
import { createInstanceFile, generateSeed, publicKeyOfSeed, sealSeed } from '../signer/index.ts'
import { copySeedFile, type KeyFileOptions, readRawSeed, type Unlock } from '../store/index.ts'

/** A seed that is to be sealed; `close` overwrites it. */
export interface NewSeed {
  readonly seed: Uint8Array
  /** The key that the config is to pin. */
  readonly publicKey: string
  /** Nobody has used it: it was made just now, or the operator says so. */
  readonly isUnused: boolean
  readonly close: () => void
}

export interface SeedPlaces {
  readonly seedFile: string
  /** None for a devnet. */
  readonly offlineCopy?: string
  readonly instanceFile: string
}

/** From a file with 32 raw bytes, or a new one. Throws `SEED_FILE_INVALID`, `KEY_FILE_MISSING`, `FILE_TOO_OPEN`, `FILE_UNREADABLE`. */
export async function newSeed(rawFile: string | undefined, isSaidUnused: boolean): Promise<NewSeed> {
  const seed = rawFile === undefined ? generateSeed() : await readRawSeed(rawFile)
  const isUnused = rawFile === undefined || isSaidUnused
  return { seed, publicKey: publicKeyOfSeed(seed), isUnused, close: () => zeroize(seed) }
}

/** Seals it, with its offline copy and instance file; overwrites nothing. Throws as `sealSeed` and `createInstanceFile`. */
export async function makeSeed(
  { seed, isUnused }: NewSeed,
  { seedFile, offlineCopy, instanceFile }: SeedPlaces,
  owner: PublicKey,
  unlock: Unlock,
  options: KeyFileOptions = {},
): Promise<void> {
  const publicKey = await sealSeed(seedFile, seed, owner, unlock, options)
  if (offlineCopy !== undefined) await copySeedFile(seedFile, offlineCopy)
  await createInstanceFile(instanceFile, fromHex(publicKey), isUnused)
}
