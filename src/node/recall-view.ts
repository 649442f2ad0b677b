import type { GroupKey, PublicKey, SetHash } from '../base/index.ts'
import { admittedRecalled, type Gate } from '../gating/index.ts'
import type { SignerSet } from '../registry/index.ts'
import type { Recall, Recalls } from '../rotation/index.ts'

/** A set that was replaced. */
export interface ReplacedView {
  readonly setHash: SetHash
  readonly groupKey: GroupKey
  readonly threshold: number
  readonly keys: readonly PublicKey[]
  /** This node holds its share of the key. */
  readonly keyHeld: boolean
}

export interface RecallView extends ReplacedView {
  readonly approvedAtMs: number
  readonly expiresAtMs: number
  /** False while the registry is stale: the recall stands, and admits nobody (R5). */
  readonly admitted: boolean
}

export interface RecallFacts {
  readonly gate: Gate
  readonly recalls: Pick<Recalls, 'list' | 'replaced'>
  readonly isHeld: (groupKey: GroupKey) => boolean
}

const viewOfSet = ({ hash, groupKey, threshold, keys }: SignerSet, { isHeld }: RecallFacts): ReplacedView => ({
  setHash: hash,
  groupKey,
  threshold,
  keys,
  keyHeld: isHeld(groupKey),
})

export function viewOfRecall({ set, approvedAtMs, expiresAtMs }: Recall, facts: RecallFacts): RecallView {
  const admitted = admittedRecalled(facts.gate.state).some((s) => s.hash === set.hash)
  return { ...viewOfSet(set, facts), approvedAtMs, expiresAtMs, admitted }
}

export const viewOfRecalls = (facts: RecallFacts): readonly RecallView[] =>
  facts.recalls.list().map((recall) => viewOfRecall(recall, facts))

/** The latest first. */
export const viewOfReplaced = (facts: RecallFacts): readonly ReplacedView[] =>
  facts.recalls.replaced().map(({ set }) => viewOfSet(set, facts))
