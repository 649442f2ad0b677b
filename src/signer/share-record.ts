import {
  asGroupKey,
  asTranscriptHash,
  encodeFields,
  equalBytes,
  fromUtf8,
  type GroupKey,
  type PublicKey,
  type TranscriptHash,
  utf8,
} from '../base/index.ts'
import { decodeKeyPackage, encodeKeyPackage } from '../crypto/index.ts'
import { parsePublicKey } from '../curve/index.ts'
import { decodeFields, decodeNumber } from './fields.ts'
import type { StoredShare } from './types.ts'

const KIND = 'countersign-share-v1'

/** What an opened record says of itself (R38): the names stand inside the plaintext, beside the key material. */
export interface ShareRecord {
  readonly groupKey: GroupKey
  readonly owner: PublicKey
  readonly share: StoredShare
}

/** Plaintext of a share's file; its maker overwrites it after sealing. Throws on key material that can't be written. */
export function encodeShare(share: StoredShare): Uint8Array {
  const key = encodeKeyPackage(share.key)
  const { transcript, epoch, certificate } = share
  const plaintext = encodeFields(KIND, share.key.public.groupKey, epoch, transcript, share.key.owner, key, certificate)
  key.fill(0)
  return plaintext
}

/**
 * undefined if it is no share record at all. Its key package agrees with itself (the secret is that of its owner's
 * verifying share, which lies on the committed polynomial), else CodedError `KEY_PACKAGE_INVALID`.
 */
export function decodeShare(plaintext: Uint8Array): ShareRecord | undefined {
  const fields = decodeFields(plaintext, 7)
  if (fields === undefined) return undefined
  const [kind, groupKey, epochField, transcript, owner, key, certificate] = fields
  if (!kind || !groupKey || !epochField || !transcript || !owner || !key || !certificate) return undefined
  const epoch = decodeNumber(epochField)
  if (epoch === undefined || !equalBytes(kind, utf8(KIND))) return undefined
  const names = decodeNames(groupKey, owner, transcript)
  if (names === undefined) return undefined
  const share = { transcript: names.transcript, epoch, key: decodeKeyPackage(key), certificate: certificate.slice() }
  return { groupKey: names.groupKey, owner: names.owner, share }
}

function decodeNames(groupKey: Uint8Array, owner: Uint8Array, transcript: Uint8Array) {
  try {
    return {
      groupKey: asGroupKey(fromUtf8(groupKey)),
      owner: parsePublicKey(fromUtf8(owner)),
      transcript: asTranscriptHash(fromUtf8(transcript)),
    }
  } catch {
    return undefined
  }
}

/** Why the names and the key package beside them contradict each other (R38); undefined if they don't. */
export function findContradiction({ groupKey, owner, share }: ShareRecord): string | undefined {
  if (share.key.owner !== owner) return 'its key package belongs to another member'
  if (share.key.public.groupKey !== groupKey) return 'its key package is of another group key'
  return undefined
}

/** Where a share stands: `<group key>-<transcript>.share.age`, 16 digits of each. */
export const shareFileName = (groupKey: GroupKey, transcript: TranscriptHash): string =>
  `${groupKey.slice(0, 16)}-${transcript.slice(0, 16)}${SHARE_SUFFIX}`
export const SHARE_SUFFIX = '.share.age'
