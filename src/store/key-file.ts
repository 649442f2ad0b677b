import { dirname } from 'node:path'
import { equalBytes, type PublicKey, zeroize } from '../base/index.ts'
import type { KeyPair } from '../curve/index.ts'
import { ensurePrivateFolder, writeFileAtomic } from './atomic-file.ts'
import { StoreError } from './errors.ts'
import { decodeKeyRecord, encodeKeyRecord, type KeyRecord, looksLikeSecret } from './key-record.ts'
import { readPrivateFile } from './private-file.ts'
import { generateStorageIdentity, sealerOf } from './sealer.ts'
import type { Sealer, Unlock } from './types.ts'
import { decrypterFor, encrypterFor } from './unlock.ts'

/** A sealed key record takes under 1 KiB. */
const MAX_KEY_FILE_BYTES = 16 * 1024
const AGE_HEADER = 'age-encryption.org/v1\n'

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
    await writeNewKeyFile(path, await encrypter.encrypt(plaintext))
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
  const box = await readSealed(path)
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
  let box = await readSealed(from)
  if (reseal !== undefined) {
    const record = await openRecord(from, box, reseal.unlock)
    const encrypter = await encrypterFor(reseal.as)
    const plaintext = encodeKeyRecord(record)
    box = await encrypter.encrypt(plaintext)
    zeroize(plaintext)
    record.keyPair.destroy()
  }
  await writeNewKeyFile(to, box)
  if (!equalBytes(await readSealed(to), box))
    throw new StoreError('FILE_WRITE_FAILED', `${to} reads back other than it was written; replace that disk`, {
      path: to,
    })
}

async function writeNewKeyFile(path: string, box: Uint8Array): Promise<void> {
  await ensurePrivateFolder(dirname(path))
  try {
    await writeFileAtomic(path, box, { overwrite: 'never' })
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'FILE_EXISTS') throw error
    throw new StoreError(
      'KEY_FILE_EXISTS',
      `the key file ${path} exists already and is never overwritten; choose another path or move it away`,
      { path },
    )
  }
}

async function readSealed(path: string): Promise<Uint8Array> {
  const box = await readPrivateFile(path, MAX_KEY_FILE_BYTES)
  if (box === undefined)
    throw new StoreError(
      'KEY_FILE_MISSING',
      `the key file ${path} is missing; correct the path, or make one with \`countersign init\``,
      { path },
    )
  if (headerText(box).startsWith(AGE_HEADER)) return box
  if (looksLikeSecret(box))
    throw new StoreError(
      'KEY_FILE_UNSEALED',
      `${path} holds a key that is not sealed, and such a key is not used; restore the sealed key file or its offline copy`,
      { path },
    )
  throw new StoreError(
    'KEY_FILE_UNREADABLE',
    `${path} is not a binary age file; correct the path, or restore it from the offline copy`,
    { path },
  )
}

/** Enough for the header and the first recipient of an age file. */
const headerText = (box: Uint8Array): string => new TextDecoder('latin1').decode(box.subarray(0, 64))

async function openRecord(path: string, box: Uint8Array, unlock: Unlock): Promise<KeyRecord> {
  const sealedToPassphrase = headerText(box).startsWith(`${AGE_HEADER}-> scrypt `)
  if (sealedToPassphrase !== (unlock.kind === 'passphrase')) throw wrongUnlock(path, unlock, sealedToPassphrase)
  const decrypter = await decrypterFor(unlock)
  let plaintext: Uint8Array
  try {
    plaintext = await decrypter.decrypt(box)
  } catch (error) {
    // The only way age tells that nothing given to it fits; everything else is damage.
    if (error instanceof Error && error.message.startsWith('no identity matched'))
      throw wrongUnlock(path, unlock, sealedToPassphrase)
    throw damaged(path)
  }
  const record = decodeKeyRecord(plaintext)
  zeroize(plaintext)
  if (record === undefined) throw damaged(path)
  return record
}

function wrongUnlock(path: string, unlock: Unlock, sealedToPassphrase: boolean): StoreError {
  const asGiven = sealedToPassphrase === (unlock.kind === 'passphrase')
  const sealedTo = `${asGiven ? 'another' : 'an age'} ${sealedToPassphrase ? 'passphrase' : 'identity'}`
  return new StoreError(
    unlock.kind === 'passphrase' ? 'KEY_FILE_WRONG_PASSPHRASE' : 'KEY_FILE_WRONG_IDENTITY',
    `the ${unlock.kind} in ${unlock.file} does not open ${path}, which is sealed to ${sealedTo}; correct one of the paths`,
    { path, unlockFile: unlock.file },
  )
}

const damaged = (path: string) =>
  new StoreError('KEY_FILE_UNREADABLE', `${path} is damaged or holds no signer key; restore it from the offline copy`, {
    path,
  })
