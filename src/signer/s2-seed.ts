import { type PublicKey, toHex, zeroize } from '../base/index.ts'
import { closeS2Keys, openS2Keys } from '../crypto/index.ts'
import { curve, randomBytes } from '../curve/index.ts'
import { createSeedFile, type KeyFileOptions, openSeedFile, StoreError, type Unlock } from '../store/index.ts'

/** The x-only MuSig2 key of a seed, hex: what a config pins it by. */
export function publicKeyOfSeed(seed: Uint8Array): string {
  const keys = openS2Keys(seed)
  try {
    return toHex(curve.publicKeyOf(keys.musig2).subarray(1))
  } finally {
    closeS2Keys(keys)
  }
}

/** 32 random bytes, which the caller overwrites. */
export const generateSeed = (): Uint8Array => randomBytes(32)

/** Seals a seed for a node; answers the key that its config is to pin. Throws as `createSeedFile`. */
export async function sealSeed(
  path: string,
  seed: Uint8Array,
  owner: PublicKey,
  unlock: Unlock,
  options: KeyFileOptions = {},
): Promise<string> {
  const publicKey = publicKeyOfSeed(seed)
  await createSeedFile(path, { seed, publicKey, owner }, unlock, options)
  return publicKey
}

export interface OpenedSeed {
  /** The service that gets it overwrites it. */
  readonly seed: Uint8Array
  readonly owner: PublicKey
}

/**
 * Opens a sealed seed. `expected` is the key that the config pins: a wrong path is an error and never a new identity (incident 20).
 * What the record says of itself is not believed: the key is derived anew (R38). Throws `KEY_FILE_OTHER_KEY`, and as `openSeedFile`.
 */
export async function openSeed(path: string, unlock: Unlock, expected: string): Promise<OpenedSeed> {
  const { seed, owner } = await openSeedFile(path, unlock)
  const found = publicKeyOfSeed(seed)
  if (found === expected) return { seed, owner }
  zeroize(seed)
  throw new StoreError(
    'KEY_FILE_OTHER_KEY',
    `${path} holds the seed of ${found} but the config expects ${expected}; correct the path or the expected public key`,
    { path, expected, found },
  )
}
