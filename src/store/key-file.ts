import { equalBytes, type PublicKey, zeroize } from '../base/index.ts'
import type { KeyPair } from '../curve/index.ts'
import { StoreError } from './errors.ts'
import { decodeKeyRecord, encodeKeyRecord, type KeyRecord } from './key-record.ts'
import { damaged, openSealed, readSealedFile, type SealedKind, writeNewSealedFile } from './sealed-file.ts'
import { generateStorageIdentity, sealerOf } from './sealer.ts'
import type { Sealer, Unlock } from './types.ts'
import { encrypterFor } from './unlock.ts'

const KEY_FILE: SealedKind = { file: 'key file', holds: 'signer key', madeBy: 'countersign init' }

/** The signer key and the sealer of this node's records. */
export interface OpenedKey {
  readonly keyPair: KeyPair
  readonly sealer: Sealer
}

export interface KeyFileOptions {
  /** Work factor of scrypt, log2; age's own (18) if left out. Less only for passphrases that are random keys themselves. */
  readonly scryptLogN?: number
}

/**
 * Seals `keyPair`, with a new storage identity, into a new file of mode 0600. An existing file is never
 * overwritten. Throws `KEY_FILE_EXISTS`, `FILE_WRITE_FAILED`, and what `unlock` throws.
 */
export async function createKeyFile(
  path: string,
  keyPair: KeyPair,
  unlock: Unlock,
  options: KeyFileOptions = {},
): Promise<void> {
  const encrypter = await encrypterFor(unlock, options.scryptLogN)
  const plaintext = encodeKeyRecord({ keyPair, storageIdentity: await generateStorageIdentity() })
  try {
    await writeNewSealedFile(path, await encrypter.encrypt(plaintext), KEY_FILE)
  } finally {
    zeroize(plaintext)
  }
}

/**
 * Opens a key file. `expected` is the public key that the config pins: a wrong path is an error, never a new identity
 * (incident 20). With a passphrase it takes about a second (scrypt), once per start.
 * Throws `KEY_FILE_MISSING`, `FILE_TOO_OPEN`, `KEY_FILE_UNSEALED`, `KEY_FILE_UNREADABLE`, `KEY_FILE_WRONG_PASSPHRASE`,
 * `KEY_FILE_WRONG_IDENTITY`, `KEY_FILE_OTHER_KEY`, and what `unlock` throws.
 */
export async function openKeyFile(path: string, unlock: Unlock, expected?: PublicKey): Promise<OpenedKey> {
  const box = await readSealedFile(path, KEY_FILE)
  const { keyPair, storageIdentity } = await openRecord(path, box, unlock)
  if (expected !== undefined && keyPair.publicKey !== expected) {
    const found = keyPair.publicKey
    keyPair.destroy()
    throw new StoreError(
      'KEY_FILE_OTHER_KEY',
      `${path} holds the key ${found} but the config expects ${expected}; correct the path or the expected public key`,
      { path, expected, found },
    )
  }
  return { keyPair, sealer: await sealerOf(storageIdentity) }
}

export interface OfflineCopy {
  readonly from: string
  readonly to: string
  /** Seal the copy to something else than the original; without it the copy is byte for byte the same. */
  readonly reseal?: { readonly unlock: Unlock; readonly as: Unlock }
}

/**
 * The offline copy that R1 asks for at `init`; read back before it resolves. Throws `KEY_FILE_EXISTS` if `to` is taken, else
 * as `openKeyFile` and `createKeyFile`.
 */
export async function writeOfflineCopy({ from, to, reseal }: OfflineCopy): Promise<void> {
  let box = await readSealedFile(from, KEY_FILE)
  if (reseal !== undefined) {
    const record = await openRecord(from, box, reseal.unlock)
    const encrypter = await encrypterFor(reseal.as)
    const plaintext = encodeKeyRecord(record)
    box = await encrypter.encrypt(plaintext)
    zeroize(plaintext)
    record.keyPair.destroy()
  }
  await writeNewSealedFile(to, box, KEY_FILE)
  if (!equalBytes(await readSealedFile(to, KEY_FILE), box))
    throw new StoreError('FILE_WRITE_FAILED', `${to} reads back other than it was written; replace that disk`, {
      path: to,
    })
}

async function openRecord(path: string, box: Uint8Array, unlock: Unlock): Promise<KeyRecord> {
  const plaintext = await openSealed(path, box, unlock, KEY_FILE)
  const record = decodeKeyRecord(plaintext)
  zeroize(plaintext)
  if (record === undefined) throw damaged(path, KEY_FILE)
  return record
}
