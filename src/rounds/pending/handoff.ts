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

/** The one order in which items stand in a request. */
export const inRequestOrder = (items: readonly HandoffItem[]): readonly HandoffItem[] =>
  items.toSorted((a, b) => (nameOfItem(a) < nameOfItem(b) ? -1 : 1))

/**
 * The request under which the old key signs these items, in one round: all or none (R27). Its id commits to the pending set and to
 * every item, so it can stand for nothing else, and whoever asks for the same items, in whatever order, asks for the same, also
 * after a restart. At least one item, each once.
 */
export function handoffRequest(
  pendingId: PendingId,
  groupKey: GroupKey,
  items: readonly HandoffItem[],
): ThresholdRequest {
  const sorted = inRequestOrder(items)
  const fields = sorted.flatMap(({ digest, merkleRoot }) => [fromHex(digest), merkleRoot])
  const requestId = toHex(taggedHash('countersign/handoff', encodeFields(fromHex(pendingId), ...fields)))
  const asked = sorted.map(({ digest, merkleRoot }) => ({ digest: fromHex(digest), tweak: tweakOfRoot(merkleRoot) }))
  return { groupKey, requestId, items: asked }
}

/** Is this the request for some of these items, in every part? */
export function isHandoffRequest(
  request: ThresholdRequest,
  pendingId: PendingId,
  groupKey: GroupKey,
  items: readonly HandoffItem[],
): boolean {
  if (request.items.length === 0 || request.groupKey !== groupKey) return false
  const listed = new Set(items.map(nameOfItem))
  const asked = request.items.map(({ digest, tweak }) => ({ digest: toHex(digest), merkleRoot: rootOfTweak(tweak) }))
  const names = asked.map(nameOfItem)
  if (!names.every((name) => listed.has(name))) return false
  // One order for each set of items, and none twice: another order would be another round under the same id.
  if (!names.every((name, i) => i === 0 || name > (names[i - 1] ?? name))) return false
  return handoffRequest(pendingId, groupKey, asked).requestId === request.requestId
}

/** BIP340 under the old key with the item's tweak. */
export const verifyHandoff = (
  groupKey: GroupKey,
  { digest, merkleRoot }: HandoffItem,
  signature: Uint8Array,
): boolean => curve.schnorrVerify(signature, fromHex(digest), tweakedGroupKey(groupKey, tweakOfRoot(merkleRoot)))
