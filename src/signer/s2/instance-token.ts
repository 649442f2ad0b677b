import { dirname } from 'node:path'
import { fromUtf8, isHex, toHex, utf8 } from '../../base/index.ts'
import { randomBytes, taggedHash } from '../../curve/index.ts'
import { ensurePrivateFolder, readPrivateFile, StoreError, writeFileAtomic } from '../../store/index.ts'
import { S2StateError } from './errors.ts'

/** What stands outside the data folder, so that a folder alone can't pass for the store that it once was (R32). */
export interface InstanceToken {
  /** 32 random bytes as hex. */
  readonly instance: string
  /** The seed's MuSig2 key, x-only, as hex. */
  readonly publicKey: string
  /** Raised at each start and each orderly stop, after the store's own. */
  readonly counter: number
  /** The seed was just generated: no store has used it yet. */
  readonly fresh: boolean
}

/** `unreadable`: there is a file, and it holds no token. */
export type ReadToken = InstanceToken | 'absent' | 'unreadable'

const TOKEN_TAG = 'countersign/s2-instance'
const MAX_TOKEN_BYTES = 4_096
const VERSION = 1

/** What the store keeps of it. */
export const tokenHash = ({ instance }: Pick<InstanceToken, 'instance'>): string =>
  toHex(taggedHash(TOKEN_TAG, utf8(instance)))

export const newToken = (publicKey: Uint8Array, counter: number, fresh: boolean): InstanceToken => ({
  instance: toHex(randomBytes(32)),
  publicKey: toHex(publicKey),
  counter,
  fresh,
})

/**
 * Made with the seed. `isFresh` only for a seed that was generated just now: one that comes from elsewhere may have been used there.
 * Never overwrites. Throws `S2_INSTANCE_FILE_EXISTS`, `FILE_WRITE_FAILED`.
 */
export async function createInstanceFile(path: string, publicKey: Uint8Array, isFresh: boolean): Promise<void> {
  await ensurePrivateFolder(dirname(path))
  try {
    await writeFileAtomic(path, encode(newToken(publicKey, 0, isFresh)), { overwrite: 'never' })
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'FILE_EXISTS') throw error
    throw new S2StateError(
      'S2_INSTANCE_FILE_EXISTS',
      `${path} is the instance file of a seed already and is never overwritten; give the new seed another one`,
      { path },
      { cause: error },
    )
  }
}

/** Throws `FILE_TOO_OPEN`, and `FILE_UNREADABLE` where there is something else than a small file. */
export async function readInstanceFile(path: string): Promise<ReadToken> {
  const bytes = await readPrivateFile(path, MAX_TOKEN_BYTES)
  return bytes === undefined ? 'absent' : (decode(bytes) ?? 'unreadable')
}

/** On disk when it resolves. Throws `FILE_WRITE_FAILED`. */
export async function writeInstanceFile(path: string, token: InstanceToken): Promise<void> {
  await ensurePrivateFolder(dirname(path))
  await writeFileAtomic(path, encode(token), { overwrite: 'always' })
}

const encode = ({ instance, publicKey, counter, fresh }: InstanceToken): Uint8Array =>
  utf8(`${JSON.stringify({ version: VERSION, instance, public_key: publicKey, counter, fresh }, null, 2)}\n`)

function decode(bytes: Uint8Array): InstanceToken | undefined {
  try {
    const json: unknown = JSON.parse(fromUtf8(bytes))
    if (typeof json !== 'object' || json === null) return undefined
    const { version, instance, public_key: publicKey, counter, fresh } = json as Readonly<Record<string, unknown>>
    if (version !== VERSION || typeof fresh !== 'boolean') return undefined
    if (typeof instance !== 'string' || !isHex(instance, 32)) return undefined
    if (typeof publicKey !== 'string' || !isHex(publicKey, 32)) return undefined
    if (typeof counter !== 'number' || !Number.isSafeInteger(counter) || counter < 0) return undefined
    return { instance, publicKey, counter, fresh }
  } catch {
    return undefined
  }
}
