import { type Gate, hasStanding } from '../gating/index.ts'

/**
 * True when this node has nothing more to do: its key has left the set, and no pending or recalled set wants it. Told by a
 * fresh registry only: an old snapshot doesn't know what was approved since (R5).
 */
export const isOut = ({ state }: Pick<Gate, 'state'>): boolean =>
  state.selfRemoved && state.trust === 'fresh' && !hasStanding(state)

/** `[identity] exit_on_removal`: returns what is to be called from time to time, and calls back once. */
export function removalWatch(isWanted: boolean, gate: Pick<Gate, 'state'>, onRemoved: () => void): () => void {
  let isTold = false
  return () => {
    if (!isWanted || isTold || !isOut(gate)) return
    isTold = true
    onRemoved()
  }
}
