import { dirname } from 'node:path'
import { ensurePrivateFolder, writeFileAtomic } from './atomic-file.ts'
import { StoreError } from './errors.ts'
import { looksLikeSecret } from './key-record.ts'
import { readPrivateFile } from './private-file.ts'
import type { Unlock } from './types.ts'
import { decrypterFor } from './unlock.ts'

/** A sealed record takes under 1 KiB. */
const MAX_SEALED_FILE_BYTES = 16 * 1024
const AGE_HEADER = 'age-encryption.org/v1\n'

/** How a kind of sealed file is called in messages. */
export interface SealedKind {
  /** `key file`. */
  readonly file: string
  /** `key`. */
  readonly holds: string
  /** What makes one, as a command. */
  readonly madeBy: string
}

/** Throws `KEY_FILE_EXISTS`, `FILE_WRITE_FAILED`. */
export async function writeNewSealedFile(path: string, box: Uint8Array, kind: SealedKind): Promise<void> {
  await ensurePrivateFolder(dirname(path))
  try {
    await writeFileAtomic(path, box, { overwrite: 'never' })
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'FILE_EXISTS') throw error
    throw new StoreError(
      'KEY_FILE_EXISTS',
      `the ${kind.file} ${path} exists already and is never overwritten; choose another path or move it away`,
      { path },
    )
  }
}

/** The sealed bytes. Throws `KEY_FILE_MISSING`, `FILE_TOO_OPEN`, `FILE_UNREADABLE`, `KEY_FILE_UNSEALED`, `KEY_FILE_UNREADABLE`. */
export async function readSealedFile(path: string, kind: SealedKind): Promise<Uint8Array> {
  const box = await readPrivateFile(path, MAX_SEALED_FILE_BYTES)
  if (box === undefined)
    throw new StoreError(
      'KEY_FILE_MISSING',
      `the ${kind.file} ${path} is missing; correct the path, or make one with \`${kind.madeBy}\``,
      { path },
    )
  if (headerText(box).startsWith(AGE_HEADER)) return box
  if (looksLikeSecret(box))
    throw new StoreError(
      'KEY_FILE_UNSEALED',
      `${path} holds a ${kind.holds} that is not sealed, and such a ${kind.holds} is not used; restore the sealed ${kind.file} or its offline copy`,
      { path },
    )
  throw new StoreError(
    'KEY_FILE_UNREADABLE',
    `${path} is not a binary age file; correct the path, or restore it from the offline copy`,
    { path },
  )
}

/** The plaintext, which the caller overwrites. Throws `KEY_FILE_WRONG_PASSPHRASE`, `KEY_FILE_WRONG_IDENTITY`, `KEY_FILE_UNREADABLE`. */
export async function openSealed(path: string, box: Uint8Array, unlock: Unlock, kind: SealedKind): Promise<Uint8Array> {
  const sealedToPassphrase = headerText(box).startsWith(`${AGE_HEADER}-> scrypt `)
  if (sealedToPassphrase !== (unlock.kind === 'passphrase')) throw wrongUnlock(path, unlock, sealedToPassphrase)
  const decrypter = await decrypterFor(unlock)
  try {
    return await decrypter.decrypt(box)
  } catch (error) {
    // The only way age tells that nothing given to it fits; everything else is damage.
    if (error instanceof Error && error.message.startsWith('no identity matched'))
      throw wrongUnlock(path, unlock, sealedToPassphrase)
    throw damaged(path, kind)
  }
}

export const damaged = (path: string, { holds }: SealedKind): StoreError =>
  new StoreError('KEY_FILE_UNREADABLE', `${path} is damaged or holds no ${holds}; restore it from the offline copy`, {
    path,
  })

/** Enough for the header and the first recipient of an age file. */
const headerText = (box: Uint8Array): string => new TextDecoder('latin1').decode(box.subarray(0, 64))

function wrongUnlock(path: string, unlock: Unlock, sealedToPassphrase: boolean): StoreError {
  const asGiven = sealedToPassphrase === (unlock.kind === 'passphrase')
  const sealedTo = `${asGiven ? 'another' : 'an age'} ${sealedToPassphrase ? 'passphrase' : 'identity'}`
  return new StoreError(
    unlock.kind === 'passphrase' ? 'KEY_FILE_WRONG_PASSPHRASE' : 'KEY_FILE_WRONG_IDENTITY',
    `the ${unlock.kind} in ${unlock.file} does not open ${path}, which is sealed to ${sealedTo}; correct one of the paths`,
    { path, unlockFile: unlock.file },
  )
}
