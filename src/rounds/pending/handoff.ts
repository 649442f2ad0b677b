import {
  encodeFields,
  fromHex,
  type GroupKey,
  isHex,
  LIMITS,
  type PendingId,
  type PublicKey,
  toHex,
} from '../../base/index.ts'
import { type Tweak, tweakedGroupKey } from '../../crypto/index.ts'
import { curve, taggedHash } from '../../curve/index.ts'
import type { ThresholdRequest } from '../../signer/index.ts'

/** BIP341 tweak of the old key as operators write it: `none`, `empty` (the empty root), or a root as 64 lower-case hex digits. */
export type HandoffRoot = string

/** One digest that the old key is to sign before it is replaced (R29). */
export interface HandoffItem {
  /** 32 bytes as lower-case hex. */
  readonly digest: string
  readonly merkleRoot: HandoffRoot
}

/** One operator's list for one pending set, with the signatures that its node knows, by `nameOfItem`. */
export interface HandoffList {
  /** Unix ms; rises strictly with every change of the list, not with its signatures. */
  readonly revision: number
  /** More is to come: this member co-signs nothing yet. */
  readonly hold: boolean
  readonly items: readonly HandoffItem[]
  readonly signatures: ReadonlyMap<string, Uint8Array>
}

/** As members announced it: well-formed, its signatures not yet verified. */
export type HeardHandoffs = ReadonlyMap<PublicKey, HandoffList>

export const nameOfItem = ({ digest, merkleRoot }: HandoffItem): string => `${digest}/${merkleRoot}`

/** What is wrong with a list, in one sentence; undefined if it is one. */
export function findHandoffFault(items: readonly HandoffItem[]): string | undefined {
  if (items.length > LIMITS.maxHandoffDigests) return `one operator lists at most ${LIMITS.maxHandoffDigests} digests`
  for (const { digest, merkleRoot } of items) {
    if (!isHex(digest, 32)) return 'a digest must have 64 lower-case hex digits'
    if (merkleRoot !== 'none' && merkleRoot !== 'empty' && !isHex(merkleRoot, 32))
      return 'a merkle root must be "none", "empty" or 64 lower-case hex digits'
  }
  if (new Set(items.map(nameOfItem)).size !== items.length) return 'a digest stands in it twice with one merkle root'
  return undefined
}

export function tweakOfRoot(merkleRoot: HandoffRoot): Tweak {
  if (merkleRoot === 'none') return { kind: 'none' }
  return { kind: 'key', merkleRoot: merkleRoot === 'empty' ? null : fromHex(merkleRoot) }
}
export const rootOfTweak = (tweak: Tweak): HandoffRoot =>
  tweak.kind === 'none' ? 'none' : tweak.merkleRoot === null ? 'empty' : toHex(tweak.merkleRoot)

/**
 * The request under which the old key signs one item. Its id commits to the pending set and to the item itself, so it can stand
 * for nothing else (R27), and whoever listed the item asks for the same, whatever else stands in its list.
 */
export function handoffRequest(pendingId: PendingId, groupKey: GroupKey, item: HandoffItem): ThresholdRequest {
  const fields = encodeFields(fromHex(pendingId), fromHex(item.digest), item.merkleRoot)
  const requestId = toHex(taggedHash('countersign/handoff', fields))
  return { groupKey, requestId, items: [{ digest: fromHex(item.digest), tweak: tweakOfRoot(item.merkleRoot) }] }
}

/** Is this the request for one of these items, in every part? */
export function isHandoffRequest(
  request: ThresholdRequest,
  pendingId: PendingId,
  groupKey: GroupKey,
  items: readonly HandoffItem[],
): boolean {
  const [asked] = request.items
  if (asked === undefined || request.items.length !== 1 || request.groupKey !== groupKey) return false
  const item = { digest: toHex(asked.digest), merkleRoot: rootOfTweak(asked.tweak) }
  const isListed = items.some((own) => nameOfItem(own) === nameOfItem(item))
  return isListed && handoffRequest(pendingId, groupKey, item).requestId === request.requestId
}

/** BIP340 under the old key with the item's tweak. */
export const verifyHandoff = (
  groupKey: GroupKey,
  { digest, merkleRoot }: HandoffItem,
  signature: Uint8Array,
): boolean => curve.schnorrVerify(signature, fromHex(digest), tweakedGroupKey(groupKey, tweakOfRoot(merkleRoot)))
