import { fromHex, fromUtf8, isHex, toHex, utf8 } from '../base/index.ts'
import { KeyPair } from '../curve/index.ts'

const KIND = 'countersign-key'
const VERSION = 1

/** What a key file holds, once opened. */
export interface KeyRecord {
  readonly keyPair: KeyPair
  /** age identity that seals this node's records, `AGE-SECRET-KEY-1…`. */
  readonly storageIdentity: string
}

/** Plaintext of a key file: JSON. Callers overwrite it after use; the strings made on the way can't be (docs/SECRETS.md). */
export function encodeKeyRecord({ keyPair, storageIdentity }: KeyRecord): Uint8Array {
  const secret = keyPair.exposeSecret()
  const text = JSON.stringify({
    kind: KIND,
    version: VERSION,
    publicKey: keyPair.publicKey,
    secretKey: toHex(secret),
    storageIdentity,
  })
  secret.fill(0)
  return utf8(text)
}

/** undefined if it is anything else, or if its public key isn't the one of its secret key. */
export function decodeKeyRecord(plaintext: Uint8Array): KeyRecord | undefined {
  const value = parseJson(plaintext)
  if (value === undefined || value.kind !== KIND || value.version !== VERSION) return undefined
  const { publicKey, secretKey, storageIdentity } = value
  if (typeof secretKey !== 'string' || !isHex(secretKey, 32)) return undefined
  if (typeof storageIdentity !== 'string' || !storageIdentity.startsWith('AGE-SECRET-KEY-1')) return undefined
  const keyPair = parseSecret(secretKey)
  if (keyPair === undefined || keyPair.publicKey !== publicKey) return undefined
  return { keyPair, storageIdentity }
}

function parseSecret(hex: string): KeyPair | undefined {
  try {
    return KeyPair.fromSecret(fromHex(hex))
  } catch {
    return undefined
  }
}

function parseJson(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(fromUtf8(bytes))
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}

/** Does an unsealed file look like a secret key: JSON, bare hex or base64, or an age identity (incident 22)? */
export function looksLikeSecret(bytes: Uint8Array): boolean {
  if (parseJson(bytes) !== undefined) return true
  const text = new TextDecoder().decode(bytes).trim()
  return (
    /^(0x)?[0-9a-fA-F]{64,66}$/.test(text) || /^[A-Za-z0-9+/_-]{43}=?$/.test(text) || text.includes('AGE-SECRET-KEY-')
  )
}
