import type { GroupKey, PublicKey, SetHash } from '../base/index.ts'
import { admittedRecalled, type Gate } from '../gating/index.ts'
import type { SignerSet } from '../registry/index.ts'
import type { OwnKnownSet, OwnRecall, Recalls } from '../rotation/index.ts'

/** A set that was replaced. */
export interface ReplacedView {
  readonly setHash: SetHash
  readonly groupKey: GroupKey
  readonly threshold: number
  readonly keys: readonly PublicKey[]
  /** This node holds its share of the key, and can use it under the key that it lives under. */
  readonly keyHeld: boolean
  /** Key of this node before the one in use, to whose file its share of this set is sealed (R7); null if it was that. */
  readonly earlierKey: PublicKey | null
}

export interface RecallView extends ReplacedView {
  readonly approvedAtMs: number
  readonly expiresAtMs: number
  /** False while the registry is stale (R5), or if this node was in the set under an earlier key: the recall stands, and admits nobody. */
  readonly admitted: boolean
}

export interface RecallFacts {
  readonly gate: Gate
  readonly recalls: Pick<Recalls, 'list' | 'replaced'>
  readonly isHeld: (groupKey: GroupKey) => boolean
}

const viewOfSet = (
  { hash, groupKey, threshold, keys }: SignerSet,
  { isHeld }: RecallFacts,
  earlierKey?: OwnKnownSet['earlierKey'],
): ReplacedView => ({
  setHash: hash,
  groupKey,
  threshold,
  keys,
  keyHeld: isHeld(groupKey),
  earlierKey: earlierKey ?? null,
})

export function viewOfRecall(
  { set, approvedAtMs, expiresAtMs, earlierKey }: OwnRecall,
  facts: RecallFacts,
): RecallView {
  const admitted = admittedRecalled(facts.gate.state).some((s) => s.hash === set.hash)
  return { ...viewOfSet(set, facts, earlierKey), approvedAtMs, expiresAtMs, admitted }
}

export const viewOfRecalls = (facts: RecallFacts): readonly RecallView[] =>
  facts.recalls.list().map((recall) => viewOfRecall(recall, facts))

/** The latest first. */
export const viewOfReplaced = (facts: RecallFacts): readonly ReplacedView[] =>
  facts.recalls.replaced().map(({ set, earlierKey }) => viewOfSet(set, facts, earlierKey))
