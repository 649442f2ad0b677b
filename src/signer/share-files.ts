import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describeError, type Logger, type PublicKey, zeroize } from '../base/index.ts'
import { readPrivateFile, type Sealer, StoreError, writeFileAtomic } from '../store/index.ts'
import { SignerError, type SignerErrorCode } from './errors.ts'
import { decodeShare, findContradiction, SHARE_SUFFIX, type ShareRecord, shareFileName } from './share-record.ts'
import type { StoredShare } from './types.ts'

/** 128 members with 33-byte verifying shares and commitments, and 128 signed statements, stay under 128 KiB. */
const MAX_SHARE_FILE_BYTES = 256 * 1024

export interface ShareFilesInit {
  /** Folder of the sealed files. */
  readonly dir: string
  readonly sealer: Sealer
  /** This node's signer key: shares of anybody else are refused. */
  readonly owner: PublicKey
  readonly logger: Logger
  /** Does the certificate stand for this transcript, epoch and key material? Wired by whoever can read certificates. */
  readonly isCertified?: (share: StoredShare) => boolean
}

/** R20: a share is staged until the certificate of its transcript stands beside it. */
export const isStaged = (share: StoredShare): boolean => share.certificate.length === 0

/** Opens and checks every share file (R38). A file that fails is named and left as it is. */
export async function loadShares(init: ShareFilesInit): Promise<readonly StoredShare[]> {
  const shares: StoredShare[] = []
  for (const name of (await readdir(init.dir)).sort()) {
    if (name.endsWith(SHARE_SUFFIX)) shares.push(await loadShare(init, name))
    else init.logger.warn('not a share file; ignored', { path: join(init.dir, name) })
  }
  return shares
}

async function loadShare(init: ShareFilesInit, name: string): Promise<StoredShare> {
  const path = join(init.dir, name)
  const box = await readPrivateFile(path, MAX_SHARE_FILE_BYTES)
  if (box === undefined) throw refusal('SHARE_MISSING', path, 'it went away while the shares were read')
  let plaintext: Uint8Array
  try {
    plaintext = await init.sealer.open(box)
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    throw refusal('SHARE_UNREADABLE', path, "it is damaged or sealed to another node's key", error)
  }
  const record = checkShare(init, path, plaintext)
  zeroize(plaintext)
  if (name !== shareFileName(record.groupKey, record.share.transcript))
    throw refusal('SHARE_MISPLACED', path, `it holds a share of key ${record.groupKey}, not what its name says`)
  return record.share
}

/** Seals and writes one plaintext; on disk when it resolves. `replaces` is for the same share with its certificate. */
export async function writeShare(
  init: ShareFilesInit,
  path: string,
  plaintext: Uint8Array,
  replaces: boolean,
): Promise<void> {
  await writeFileAtomic(path, await init.sealer.seal(plaintext), { overwrite: replaces ? 'always' : 'never' })
}

/** R38, for a plaintext that was opened or is about to be sealed. */
export function checkShare(init: ShareFilesInit, path: string, plaintext: Uint8Array): ShareRecord {
  let record: ShareRecord | undefined
  try {
    record = decodeShare(plaintext)
  } catch (error) {
    throw refusal('SHARE_INVALID', path, 'its key material contradicts itself', error)
  }
  if (record === undefined) throw refusal('SHARE_UNREADABLE', path, 'it holds no share record')
  if (record.owner !== init.owner)
    throw refusal('SHARE_FOREIGN', path, `it belongs to ${record.owner} and this node is ${init.owner}`)
  const contradiction = findContradiction(record)
  if (contradiction !== undefined) throw refusal('SHARE_INVALID', path, contradiction)
  if (!isStaged(record.share) && init.isCertified?.(record.share) === false)
    throw refusal('SHARE_INVALID', path, 'its certificate does not stand for this key material')
  return record
}

export const refusal = (code: SignerErrorCode, path: string, why: string, cause?: unknown) =>
  new SignerError(
    code,
    `${path}: ${why}; leave it in place and restore the right file from this node's backup`,
    { path, ...(cause === undefined ? {} : { cause: describeError(cause) }) },
    { cause },
  )
