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
import { findHandoffFault, type HandoffItem, type HandoffList, nameOfItem } from '../rounds/index.ts'
import type { Space } from '../store/index.ts'

/** What this operator listed for one pending set (R29), as it is kept on disk: its consent, and the first signatures (R28). */
export interface HandoffRecord extends HandoffList {
  readonly pendingId: PendingId
  /** The key that is replaced: whose signatures these are. */
  readonly groupKey: GroupKey
  /** Signed while it was listed here, and listed no more: the signature is as good as before. The latest last. */
  readonly former: readonly SignedItem[]
}

/** An item with the first signature that verified (R28), 64 bytes. */
export interface SignedItem {
  readonly item: HandoffItem
  readonly signature: Uint8Array
}

/**
 * What becomes of the signatures of `before` under a new list: those of listed items stay, or come back; the others are kept beside
 * it, at most `maxHandoffDigests` of them.
 */
export function signaturesUnder(
  items: readonly HandoffItem[],
  before: Pick<HandoffRecord, 'items' | 'signatures' | 'former'> | undefined,
): Pick<HandoffRecord, 'signatures' | 'former'> {
  const listed = new Set(items.map(nameOfItem))
  const signedNow = (before?.items ?? []).flatMap((item): SignedItem[] => {
    const signature = before?.signatures.get(nameOfItem(item))
    return signature === undefined ? [] : [{ item, signature }]
  })
  const known = [...(before?.former ?? []), ...signedNow]
  return {
    signatures: new Map(
      known.flatMap(({ item, signature }) =>
        listed.has(nameOfItem(item)) ? [[nameOfItem(item), signature] as const] : [],
      ),
    ),
    former: known.filter(({ item }) => !listed.has(nameOfItem(item))).slice(-LIMITS.maxHandoffDigests),
  }
}

const encode = ({ groupKey, revision, hold, items, signatures, former }: HandoffRecord): Uint8Array => {
  const signed = items.map((item) => {
    const signature = signatures.get(nameOfItem(item))
    return { ...item, signature: signature === undefined ? null : toHex(signature) }
  })
  const formerly = former.map(({ item, signature }) => ({ ...item, signature: toHex(signature) }))
  return utf8(JSON.stringify({ groupKey, revision, hold, items: signed, former: formerly }))
}

function decode(id: string, bytes: Uint8Array): HandoffRecord | undefined {
  // Records of an older version know nothing of former items.
  const { groupKey, revision, hold, items, former = [] } = parseJsonObject(bytes) ?? {}
  const isShaped = typeof groupKey === 'string' && isHex(groupKey, 32) && isCount(revision) && typeof hold === 'boolean'
  if (!isShaped || !isHex(id, 32)) return undefined
  const listed = decodeItems(items)
  const formerly = decodeItems(former)
  if (listed === undefined || formerly === undefined) return undefined
  const isSigned = (one: DecodedItem): one is SignedItem => one.signature !== undefined
  if (!formerly.every(isSigned)) return undefined
  const head = { pendingId: asPendingId(id), groupKey: asGroupKey(groupKey), revision, hold, former: formerly }
  const signatures = new Map(listed.filter(isSigned).map(({ item, signature }) => [nameOfItem(item), signature]))
  return { ...head, items: listed.map(({ item }) => item), signatures }
}

interface DecodedItem {
  readonly item: HandoffItem
  readonly signature: Uint8Array | undefined
}

/** undefined for what is no list. */
function decodeItems(list: unknown): readonly DecodedItem[] | undefined {
  if (!Array.isArray(list) || !list.every(isRecord)) return undefined
  const items = list.map(({ digest, merkleRoot }) => ({ digest: String(digest), merkleRoot: String(merkleRoot) }))
  if (findHandoffFault(items) !== undefined) return undefined
  const decoded: DecodedItem[] = []
  for (const [i, { signature }] of list.entries()) {
    const item = items[i]
    if (item === undefined) continue
    if (signature !== null && (typeof signature !== 'string' || !isHex(signature, 64))) return undefined
    decoded.push({ item, signature: signature === null ? undefined : fromHex(signature) })
  }
  return decoded
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
