import { fromHex, type PublicKey, zeroize } from '../base/index.ts'
import type { Unlock } from '../store/index.ts'

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
  readonly offlineCopy: string
  readonly instanceFile: string
}

/** From a file with 32 raw bytes, or a new one. Throws `SEED_FILE_INVALID`, `KEY_FILE_MISSING`, `FILE_TOO_OPEN`, `FILE_UNREADABLE`. */
export async function newSeed(rawFile: string | undefined, isSaidUnused: boolean): Promise<NewSeed> {
  const [{ generateSeed, publicKeyOfSeed }, { readRawSeed }] = await Promise.all([
    import('../signer/index.ts'),
    import('../store/index.ts'),
  ])
  const seed = rawFile === undefined ? generateSeed() : await readRawSeed(rawFile)
  const isUnused = rawFile === undefined || isSaidUnused
  return { seed, publicKey: publicKeyOfSeed(seed), isUnused, close: () => zeroize(seed) }
}

/** Seals it, with its offline copy and instance file; overwrites nothing. Throws as `createSeedFile` and `createInstanceFile`. */
export async function makeSeed(
  { seed, isUnused }: NewSeed,
  places: SeedPlaces,
  owner: PublicKey,
  unlock: Unlock,
): Promise<void> {
  const [{ createInstanceFile, sealSeed }, { copySeedFile }] = await Promise.all([
    import('../signer/index.ts'),
    import('../store/index.ts'),
  ])
  const publicKey = await sealSeed(places.seedFile, seed, owner, unlock)
  await copySeedFile(places.seedFile, places.offlineCopy)
  await createInstanceFile(places.instanceFile, fromHex(publicKey), isUnused)
}

/** What is left to do for the operator, as sentences. */
export const seedSteps = ({ isUnused }: Pick<NewSeed, 'isUnused'>): readonly string[] => [
  'Move the offline copy of the seed off this machine, as that of the key.',
  ...(isUnused
    ? []
    : [
        'Stop whatever used this seed before. Then bring its journal (`countersign s2 journal import FILE`), or read docs/S2.md and accept by name (`countersign s2 accept`): until then one-time secrets are refused.',
      ]),
]
