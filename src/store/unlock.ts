import { Decrypter, Encrypter, identityToRecipient } from 'age-encryption'
import { CodedError, fromUtf8, utf8 } from '../base/index.ts'
import { randomBytes } from '../curve/index.ts'
import { writeFileAtomic } from './atomic-file.ts'
import { StoreError } from './errors.ts'
import { readPrivateFile } from './private-file.ts'
import { generateStorageIdentity } from './sealer.ts'
import type { Unlock } from './types.ts'

/** A passphrase or an age identity with its comments is far below this. */
const MAX_UNLOCK_FILE_BYTES = 8 * 1024

/**
 * An encrypter to what `unlock` names. Throws `UNLOCK_FILE_MISSING`, `UNLOCK_FILE_EMPTY`, `UNLOCK_FILE_UNREADABLE`, `FILE_TOO_OPEN`.
 */
export async function encrypterFor(unlock: Unlock, scryptLogN?: number): Promise<Encrypter> {
  const encrypter = new Encrypter()
  if (unlock.kind === 'passphrase') {
    encrypter.setPassphrase(await readPassphrase(unlock.file))
    if (scryptLogN !== undefined) encrypter.setScryptWorkFactor(scryptLogN)
  } else {
    const identity = await readIdentity(unlock.file)
    encrypter.addRecipient(await checked(unlock.file, () => identityToRecipient(identity)))
  }
  return encrypter
}

/** The matching decrypter; throws the same. */
export async function decrypterFor(unlock: Unlock): Promise<Decrypter> {
  const decrypter = new Decrypter()
  if (unlock.kind === 'passphrase') decrypter.addPassphrase(await readPassphrase(unlock.file))
  else {
    const identity = await readIdentity(unlock.file)
    await checked(unlock.file, () => decrypter.addIdentity(identity))
  }
  return decrypter
}

/** A new passphrase of 256 random bits in a file of mode 0600, for the devnet and for `init`. Throws `FILE_EXISTS`. */
export async function writePassphraseFile(path: string): Promise<void> {
  const passphrase = Buffer.from(randomBytes(32)).toString('base64url')
  await writeFileAtomic(path, utf8(`${passphrase}\n`), { overwrite: 'never' })
}

/** A new age identity in a file of mode 0600; opening with it costs no scrypt. Throws `FILE_EXISTS`. */
export async function writeIdentityFile(path: string): Promise<void> {
  await writeFileAtomic(path, utf8(`${await generateStorageIdentity()}\n`), { overwrite: 'never' })
}

async function readPassphrase(path: string): Promise<string> {
  const text = await readUnlockFile(path)
  const passphrase = text.replace(/\r?\n$/, '')
  if (passphrase.trim() === '')
    throw new StoreError(
      'UNLOCK_FILE_EMPTY',
      `the passphrase file ${path} is empty; write the passphrase into it, keys are never kept unsealed`,
      { path },
    )
  return passphrase
}

/** As `age-keygen` writes it: comment lines and one identity. */
async function readIdentity(path: string): Promise<string> {
  const text = await readUnlockFile(path)
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  const [identity] = lines
  if (identity === undefined || lines.length > 1 || !identity.startsWith('AGE-SECRET-KEY-')) throw notAnIdentity(path)
  return identity
}

async function readUnlockFile(path: string): Promise<string> {
  const bytes = await readPrivateFile(path, MAX_UNLOCK_FILE_BYTES)
  if (bytes === undefined)
    throw new StoreError(
      'UNLOCK_FILE_MISSING',
      `the file ${path} that unlocks the key file is missing; correct its path, or restore it`,
      { path },
    )
  try {
    return fromUtf8(bytes)
  } catch (error) {
    throw new StoreError(
      'UNLOCK_FILE_UNREADABLE',
      `${path} is not UTF-8 text; write it anew`,
      { path },
      { cause: error },
    )
  }
}

/** age's own errors may quote what they were given: they are not passed on, not even as a cause. */
async function checked<T>(path: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof CodedError ? error : notAnIdentity(path)
  }
}

const notAnIdentity = (path: string) =>
  new StoreError(
    'UNLOCK_FILE_UNREADABLE',
    `${path} must hold exactly one age identity (AGE-SECRET-KEY-…); make it with age-keygen`,
    { path },
  )
