import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CodedError, fromUtf8, type PublicKey, utf8, zeroize } from '../base/index.ts'
import { parsePublicKey } from '../curve/index.ts'
import {
  generateStorageIdentity,
  type OpenedKey,
  readPrivateFile,
  type Sealer,
  sealerOf,
  writeFileAtomic,
} from '../store/index.ts'
import type { OwnKeys } from './pick-identity.ts'

/** What keys of the key service are sealed with, and what their records name as their owner. */
export interface ServiceIdentity {
  readonly sealer: Sealer
  /** The signer key under which it was made; the same ever after. */
  readonly owner: PublicKey
}

interface Identity {
  readonly owner: PublicKey
  /** `AGE-SECRET-KEY-1…`. */
  readonly identity: string
}

const KIND = 'countersign-service-identity'
const PREFIX = 'service-identity-of-'
const MAX_FILE_BYTES = 4 * 1024

/**
 * Keys of the key service belong to the operator: they must still open when the signer key has been replaced. So they have a storage
 * identity of their own, which is sealed to each key that this node has. Throws `SERVICE_KEYS_OTHER_KEY` where it is sealed to other
 * keys only, and what reading and writing files throws.
 */
export async function openServiceIdentity(dataDir: string, keys: OwnKeys<OpenedKey>): Promise<ServiceIdentity> {
  const loaded = [keys.own, ...(keys.next === undefined ? [] : [keys.next])]
  const found = await Promise.all(loaded.map((key) => read(dataDir, key)))
  const identity = found.find((one) => one !== undefined) ?? (await begin(dataDir, keys.own))
  for (const [i, key] of loaded.entries()) if (found[i] === undefined) await write(dataDir, key, identity)
  return { sealer: await sealerOf(identity.identity), owner: identity.owner }
}

const pathOf = (dataDir: string, { keyPair }: OpenedKey): string =>
  join(dataDir, `${PREFIX}${keyPair.publicKey.slice(0, 16)}.age`)

/** Only where there has never been one: another would make all keys unreadable (incident 20). */
async function begin(dataDir: string, { keyPair }: OpenedKey): Promise<Identity> {
  const others = (await readdir(dataDir)).filter((name) => name.startsWith(PREFIX))
  if (others.length > 0)
    throw new CodedError(
      'SERVICE_KEYS_OTHER_KEY',
      `the keys of the key service in ${dataDir} are sealed to another signer key (${others.join(', ')}): start the node once with that as key_file and this one as next_key_file`,
      { path: dataDir },
    )
  return { owner: keyPair.publicKey, identity: await generateStorageIdentity() }
}

async function read(dataDir: string, key: OpenedKey): Promise<Identity | undefined> {
  const path = pathOf(dataDir, key)
  const box = await readPrivateFile(path, MAX_FILE_BYTES)
  if (box === undefined) return undefined
  const plaintext = await key.sealer.open(box)
  const identity = decode(plaintext)
  zeroize(plaintext)
  if (identity === undefined)
    throw new CodedError('SERVICE_KEYS_OTHER_KEY', `${path} holds no identity of a key service; restore it`, { path })
  return identity
}

async function write(dataDir: string, key: OpenedKey, { owner, identity }: Identity): Promise<void> {
  const plaintext = utf8(JSON.stringify({ kind: KIND, owner, identity }))
  const box = await key.sealer.seal(plaintext)
  zeroize(plaintext)
  await writeFileAtomic(pathOf(dataDir, key), box, { overwrite: 'never' })
}

function decode(plaintext: Uint8Array): Identity | undefined {
  try {
    const value: unknown = JSON.parse(fromUtf8(plaintext))
    if (typeof value !== 'object' || value === null) return undefined
    const { kind, owner, identity }: Readonly<Record<string, unknown>> = { ...value }
    if (kind !== KIND || typeof owner !== 'string' || typeof identity !== 'string') return undefined
    return identity.startsWith('AGE-SECRET-KEY-1') ? { owner: parsePublicKey(owner), identity } : undefined
  } catch {
    return undefined
  }
}
