import { type Gate, hasStanding } from '../gating/index.ts'
import type { RegistryHealth } from '../registry/index.ts'

export interface RemovalFacts {
  readonly gate: Pick<Gate, 'state'>
  readonly registry: Pick<RegistryHealth, 'lastReadAtMs'>
  /** An approval of this operator stands, or may, because it was not yet read from disk (R7). */
  readonly isApproved: boolean
}

/**
 * True when this node has nothing more to do: its key has left the set, and no pending or recalled set wants it. Told by a
 * fresh registry only, and one that this process has read itself: the snapshot on disk doesn't know what was since (R5).
 */
export const isOut = ({ gate: { state }, registry, isApproved }: RemovalFacts): boolean =>
  state.selfRemoved &&
  state.trust === 'fresh' &&
  registry.lastReadAtMs !== undefined &&
  !isApproved &&
  !hasStanding(state)

/** `[identity] exit_on_removal`: returns what is to be called from time to time, and calls back once. */
export function removalWatch(isWanted: boolean, facts: () => RemovalFacts, onRemoved: () => void): () => void {
  let isTold = false
  return () => {
    if (!isWanted || isTold || !isOut(facts())) return
    isTold = true
    onRemoved()
  }
}
