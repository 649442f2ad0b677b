import { equalBytes, fromHex, fromUtf8, isHex, type PublicKey, toHex, utf8, zeroize } from '../base/index.ts'
import { StoreError } from './errors.ts'
import type { KeyFileOptions } from './key-file.ts'
import { readPrivateFile } from './private-file.ts'
import { damaged, openSealed, readSealedFile, type SealedKind, writeNewSealedFile } from './sealed-file.ts'
import type { Unlock } from './types.ts'
import { encrypterFor } from './unlock.ts'

const SEED_FILE: SealedKind = { file: 'seed file', holds: 'secret-service seed', madeBy: 'countersign s2 init' }
const KIND = 'countersign-s2-seed'
const VERSION = 1
const SEED_BYTES = 32

/** What a seed file holds, once opened (R38). */
export interface SeedRecord {
  /** 32 bytes; the holder overwrites them. */
  readonly seed: Uint8Array
  /** x-only, hex: the key that the config pins. */
  readonly publicKey: string
  /** Signer key of the node that it was made for. */
  readonly owner: PublicKey
}

/** Seals a seed into a new file of mode 0600. Never overwrites. Throws `KEY_FILE_EXISTS`, `FILE_WRITE_FAILED`, and what `unlock` throws. */
export async function createSeedFile(
  path: string,
  record: SeedRecord,
  unlock: Unlock,
  options: KeyFileOptions = {},
): Promise<void> {
  const encrypter = await encrypterFor(unlock, options.scryptLogN)
  const { publicKey, owner } = record
  const text = JSON.stringify({ kind: KIND, version: VERSION, publicKey, owner, seed: toHex(record.seed) })
  const plaintext = utf8(text)
  try {
    await writeNewSealedFile(path, await encrypter.encrypt(plaintext), SEED_FILE)
  } finally {
    zeroize(plaintext)
  }
}

/** Throws as `openKeyFile`, but for the key that it holds: that is the caller's to compare. */
export async function openSeedFile(path: string, unlock: Unlock): Promise<SeedRecord> {
  const plaintext = await openSealed(path, await readSealedFile(path, SEED_FILE), unlock, SEED_FILE)
  const record = decode(plaintext)
  zeroize(plaintext)
  if (record === undefined) throw damaged(path, SEED_FILE)
  return record
}

/** A byte for byte copy, read back before it resolves. Throws `KEY_FILE_EXISTS` if `to` is taken. */
export async function copySeedFile(from: string, to: string): Promise<void> {
  const box = await readSealedFile(from, SEED_FILE)
  await writeNewSealedFile(to, box, SEED_FILE)
  if (!equalBytes(await readSealedFile(to, SEED_FILE), box))
    throw new StoreError('FILE_WRITE_FAILED', `${to} reads back other than it was written; replace that disk`, {
      path: to,
    })
}

/** A seed as another service had it: 32 raw bytes and nothing else. Throws `FILE_TOO_OPEN`, `FILE_UNREADABLE`, `SEED_FILE_INVALID`. */
export async function readRawSeed(path: string): Promise<Uint8Array> {
  const bytes = await readPrivateFile(path, MAX_RAW_FILE_BYTES)
  if (bytes === undefined)
    throw new StoreError('KEY_FILE_MISSING', `there is no file ${path}; name the file that holds the seed`, { path })
  if (bytes.length === SEED_BYTES) {
    if (bytes.some((byte) => byte !== 0)) return bytes
    throw new StoreError(
      'SEED_FILE_INVALID',
      `${path} has ${SEED_BYTES} zero bytes, which everybody can guess: name the file that holds the seed`,
      { path },
    )
  }
  const found = bytes.length
  zeroize(bytes)
  throw new StoreError(
    'SEED_FILE_INVALID',
    `${path} has ${found} bytes, and a seed is ${SEED_BYTES} raw bytes: no hex, no line end, nothing else`,
    { path, found },
  )
}
const MAX_RAW_FILE_BYTES = 4_096

function decode(plaintext: Uint8Array): SeedRecord | undefined {
  let value: unknown
  try {
    value = JSON.parse(fromUtf8(plaintext))
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { kind, version, publicKey, owner, seed }: Readonly<Record<string, unknown>> = { ...value }
  if (kind !== KIND || version !== VERSION) return undefined
  if (typeof publicKey !== 'string' || !isHex(publicKey, 32) || typeof owner !== 'string') return undefined
  if (typeof seed !== 'string' || !isHex(seed, SEED_BYTES)) return undefined
  return { seed: fromHex(seed), publicKey, owner: owner as PublicKey }
}
