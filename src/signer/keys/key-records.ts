import { encodeFields, equalBytes, fromUtf8, LIMITS, type PublicKey, utf8 } from '../../base/index.ts'
import { parsePublicKey } from '../../curve/index.ts'
import { decodeFieldList, decodeFields, decodeNumber } from '../fields.ts'
import type { KeyLabel } from './backend.ts'
import { isLabel } from './label.ts'
import { publicKeyOfSecret } from './secret-math.ts'
import type { KeyCapability, KeyType } from './types.ts'

/** One record is never taken for the other, though both may be sealed to the same recipient. */
const AT_REST = 'countersign-key-v1'
const BACKUP = 'countersign-key-backup-v1'

/** A version with its secret, opened: whoever has it erases it. */
export interface OpenedVersion {
  readonly label: KeyLabel
  readonly publicKey: Uint8Array
  readonly secret: Uint8Array
}

/** Records name their owner: the signer key of the node that wrote them (R38). */
export interface OwnedVersions {
  readonly owner: PublicKey
  readonly versions: readonly OpenedVersion[]
}

/** Plaintext of a file with one version; its maker overwrites it after sealing. */
export function encodeVersion(owner: PublicKey, v: OpenedVersion): Uint8Array {
  return encodeKey(AT_REST, owner, [v])
}

/** undefined if it is no such record, or contradicts itself: its public key is computed from its secret. */
export function decodeVersion(plaintext: Uint8Array): (OpenedVersion & { readonly owner: PublicKey }) | undefined {
  const record = decodeKey(AT_REST, plaintext)
  const [version, ...more] = record?.versions ?? []
  return record === undefined || version === undefined || more.length > 0
    ? undefined
    : { owner: record.owner, ...version }
}

/** Plaintext of a backup: all versions of one key, oldest first. */
export function encodeBackup(owner: PublicKey, versions: readonly OpenedVersion[]): Uint8Array {
  return encodeKey(BACKUP, owner, versions)
}

/** The same of a backup: versions from 1 on, none left out. */
export function decodeBackup(plaintext: Uint8Array): OwnedVersions | undefined {
  const record = decodeKey(BACKUP, plaintext)
  return record?.versions.every((v, i) => v.label.version === i + 1) === true ? record : undefined
}

function encodeKey(kind: string, owner: PublicKey, versions: readonly OpenedVersion[]): Uint8Array {
  const first = versions[0]?.label
  if (first === undefined) throw new TypeError('a key has at least one version')
  const { id, name, role, type, capabilities } = first
  const parts = versions.map(({ label, publicKey, secret }) =>
    encodeFields(label.version, label.createdAtMs, publicKey, secret),
  )
  const plaintext = encodeFields(kind, owner, id, name, role, type, capabilities.join(','), ...parts)
  for (const part of parts) part.fill(0)
  return plaintext
}

function decodeKey(expectedKind: string, plaintext: Uint8Array): OwnedVersions | undefined {
  const [kind, owner, id, name, role, type, capabilities, ...parts] =
    decodeFieldList(plaintext, 7 + LIMITS.maxKeyVersions) ?? []
  if (kind === undefined || !equalBytes(kind, utf8(expectedKind))) return undefined
  if (!owner || !id || !name || !role || !type || !capabilities || parts.length === 0) return undefined
  try {
    const key = {
      id: fromUtf8(id),
      name: fromUtf8(name),
      role: fromUtf8(role),
      // Words of these lists, or `isLabel` says no.
      type: fromUtf8(type) as KeyType,
      capabilities: fromUtf8(capabilities).split(',') as KeyCapability[],
    }
    return { owner: parsePublicKey(fromUtf8(owner)), versions: parts.map((part) => decodePart(key, part)) }
  } catch {
    return undefined
  }
}

/** Throws on anything but a version whose public key is that of its secret. */
function decodePart(key: Omit<KeyLabel, 'version' | 'createdAtMs'>, part: Uint8Array): OpenedVersion {
  const [versionField, createdField, publicKey, secret] = decodeFields(part, 4) ?? []
  if (!versionField || !createdField || !publicKey || !secret) throw new TypeError('no version')
  const [version, createdAtMs] = [decodeNumber(versionField), decodeNumber(createdField)]
  if (version === undefined || createdAtMs === undefined) throw new TypeError('no version')
  const label = { ...key, version, createdAtMs }
  if (!isLabel(label)) throw new TypeError('no label')
  const own = publicKeyOfSecret(label.type, secret)
  if (own === undefined || !equalBytes(own, publicKey)) throw new TypeError('no pair')
  return { label, publicKey: own, secret: secret.slice() }
}
