import type { GroupKey, PublicKey } from '../base/index.ts'
import type { RotationStatus } from '../rotation/index.ts'
import { type HandoffView, viewOfHandoff } from './handoff-view.ts'

export interface RotationView {
  readonly pendingId: string
  readonly keys: readonly PublicKey[]
  readonly threshold: number
  readonly attempt: number
  readonly approved: readonly PublicKey[]
  readonly step: string
  readonly waitingFor: string | null
  readonly missing: readonly PublicKey[]
  /** While approvals are waited for: whose are needed, and how many of whose beside them; null afterwards. */
  readonly approvalsNeeded: NeededApprovals | null
  readonly keygen: RotationStatus['keygen']
  /** x-only key that was made for the new set, proven; null before. */
  readonly newKey: GroupKey | null
  readonly handoff: HandoffView
  readonly lastError: string | null
}

/** A rotation waits for every new member, and of the current set for as many as rotate-keys needs (R7). */
export interface NeededApprovals {
  readonly every: readonly PublicKey[]
  /** Of the current set's other members: so many more. */
  readonly anyOf: { readonly count: number; readonly keys: readonly PublicKey[] }
}

export function viewOfRotation(r: RotationStatus | undefined): RotationView | null {
  if (r === undefined) return null
  const { id, keys, threshold, attempt } = r.spec
  const waiting = r.action.kind === 'wait' ? r.action : undefined
  return {
    pendingId: id,
    keys,
    threshold,
    attempt,
    approved: r.approved,
    step: r.action.kind,
    waitingFor: waiting?.for ?? null,
    missing: waiting?.missing ?? [],
    approvalsNeeded: waiting?.for === 'approvals' ? neededApprovals(r.spec, new Set(r.approved)) : null,
    keygen: r.keygen,
    newKey: r.newKey ?? null,
    handoff: viewOfHandoff(r.handoff, r.spec),
    lastError: r.lastError ?? null,
  }
}

function neededApprovals(
  { keys, currentKeys, currentThreshold }: RotationStatus['spec'],
  approved: ReadonlySet<PublicKey>,
): NeededApprovals {
  const every = keys.filter((key) => !approved.has(key))
  // A new member that is in the current set counts there as well.
  const sure = currentKeys.filter((key) => approved.has(key) || every.includes(key)).length
  const count = Math.max(0, currentThreshold - sure)
  const rest = currentKeys.filter((key) => !approved.has(key) && !every.includes(key))
  return { every, anyOf: { count, keys: count === 0 ? [] : rest } }
}
