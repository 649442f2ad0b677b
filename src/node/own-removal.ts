import type { Logger } from '../base/index.ts'
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

export interface RemovalWatchInit {
  /** `[identity] exit_on_removal`. */
  readonly isWanted: boolean
  /** How long it must have stood, from the first reading that told it to the latest. */
  readonly afterMs: number
  readonly facts: () => RemovalFacts
  readonly onRemoved: () => void
  readonly logger: Logger
}

/**
 * Returns what is to be called from time to time, and calls `onRemoved` once. One reading is not enough: a reorg can take the
 * block back in which the key came or left (R4), and by then the approval is gone that would have kept the node up (R7).
 */
export function removalWatch({ isWanted, afterMs, facts, onRemoved, logger }: RemovalWatchInit): () => void {
  let isTold = false
  let sinceMs: number | undefined
  return () => {
    if (!isWanted || isTold) return
    const now = facts()
    const { lastReadAtMs } = now.registry
    if (!isOut(now) || lastReadAtMs === undefined) {
      sinceMs = undefined
      return
    }
    if (sinceMs === undefined) {
      sinceMs = lastReadAtMs
      logger.warn('This node ends by itself if its key stays out of the signer set', { afterMs })
    }
    if (lastReadAtMs - sinceMs < afterMs) return
    isTold = true
    onRemoved()
  }
}
