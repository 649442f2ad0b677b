import {
  asGroupKey,
  asPendingId,
  CodedError,
  fromHex,
  type GroupKey,
  isHex,
  LIMITS,
  type PendingId,
  toHex,
  utf8,
} from '../base/index.ts'
import { isCount, isRecord, parseJsonObject } from '../registry/index.ts'
import { findHandoffFault, type HandoffList, nameOfItem } from '../rounds/index.ts'
import type { Space } from '../store/index.ts'

/** What this operator listed for one pending set (R29), as it is kept on disk: its consent, and the first signatures (R28). */
export interface HandoffRecord extends HandoffList {
  readonly pendingId: PendingId
  /** The key that is replaced: whose signatures these are. */
  readonly groupKey: GroupKey
}

const encode = ({ groupKey, revision, hold, items, signatures }: HandoffRecord): Uint8Array => {
  const signed = items.map((item) => {
    const signature = signatures.get(nameOfItem(item))
    return { ...item, signature: signature === undefined ? null : toHex(signature) }
  })
  return utf8(JSON.stringify({ groupKey, revision, hold, items: signed }))
}

function decode(id: string, bytes: Uint8Array): HandoffRecord | undefined {
  const { groupKey, revision, hold, items } = parseJsonObject(bytes) ?? {}
  const isShaped = typeof groupKey === 'string' && isHex(groupKey, 32) && isCount(revision) && typeof hold === 'boolean'
  if (!isShaped || !isHex(id, 32) || !Array.isArray(items) || !items.every(isRecord)) return undefined
  const listed = items.map(({ digest, merkleRoot }) => ({ digest: String(digest), merkleRoot: String(merkleRoot) }))
  if (findHandoffFault(listed) !== undefined) return undefined
  const signatures = new Map<string, Uint8Array>()
  for (const [i, { signature }] of items.entries()) {
    const item = listed[i]
    if (item === undefined || signature === null) continue
    if (typeof signature !== 'string' || !isHex(signature, 64)) return undefined
    signatures.set(nameOfItem(item), fromHex(signature))
  }
  return { pendingId: asPendingId(id), groupKey: asGroupKey(groupKey), revision, hold, items: listed, signatures }
}

/** Throws `STORE_UNREADABLE`: a list that can't be read may name what the old key still has to sign. */
export async function loadHandoff(space: Space, id: PendingId): Promise<HandoffRecord | undefined> {
  const stored = await space.get(id)
  if (stored === undefined) return undefined
  const record = decode(id, stored)
  if (record !== undefined) return record
  throw new CodedError(
    'STORE_UNREADABLE',
    `the stored handoff of pending set ${id} is malformed; restore the data folder`,
  )
}

/** Every list that is kept, the latest first; unreadable ones are of no use to anybody and left out. */
export async function loadHandoffs(space: Space): Promise<readonly HandoffRecord[]> {
  const all = (await space.entries()).map(([id, bytes]) => decode(id, bytes))
  return all.filter((record) => record !== undefined).toSorted((a, b) => b.revision - a.revision)
}

/** On disk when it resolves. */
export const saveHandoff = (space: Space, record: HandoffRecord): Promise<void> =>
  space.put(record.pendingId, encode(record))

/** Makes room for one more; never at the cost of the pending set's own. */
export async function dropOldHandoffs(space: Space, pendingId: PendingId): Promise<void> {
  const others = (await loadHandoffs(space)).filter((record) => record.pendingId !== pendingId)
  for (const { pendingId: id } of others.slice(LIMITS.maxKeptHandoffs - 1)) await space.delete(id)
}
