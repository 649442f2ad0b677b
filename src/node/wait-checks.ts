import { LIMITS, type PeerIdStr } from '../base/index.ts'
import type { DialReport } from '../p2p/index.ts'
import type { SignHealth } from '../rounds/index.ts'
import type { CheckReport } from '../status/index.ts'

/** Incident 41: whatever hangs is named. Every wait has a deadline of its own; these look for what got past it, or runs into it. */

/** The deadline of the longest reading, one at a depth: so many calls to a Stacks node, one after the other (registry room). */
const READ_MS = 6 * LIMITS.chainCallTimeoutMs
/** Deadlines are checked by timers of a busy process. */
const GRACE_MS = 2_000
/** A sync to disk takes milliseconds. */
const SYNC_MS = 5_000
/** Half of a sign step is 2 s: a process that is late by so much misses its rounds. */
const LAG_MS = 2_000

const GREEN: CheckReport = { ok: true }
const red = (reason: string): CheckReport => ({ ok: false, reason })
const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`

/** Undefined while no reading is overdue. */
export function stuckReading(nowMs: number, readingSinceMs: number | undefined): string | undefined {
  const tookMs = nowMs - (readingSinceMs ?? nowMs)
  return tookMs > READ_MS + GRACE_MS ? `a reading of the registry has not ended for ${seconds(tookMs)}` : undefined
}

export function dialsCheck(
  nowMs: number,
  dials: readonly DialReport[],
  connected: ReadonlySet<PeerIdStr>,
): CheckReport {
  const stuck = dials.flatMap(({ peerId, pendingSinceMs, unanswered }) => {
    const tookMs = nowMs - (pendingSinceMs ?? nowMs)
    if (tookMs > LIMITS.dialTimeoutMs + GRACE_MS) return [`a dial to ${peerId} has not ended for ${seconds(tookMs)}`]
    // It may have come to us meanwhile.
    if (unanswered === 0 || connected.has(peerId)) return []
    return [`${peerId} does not answer (dialled ${unanswered} times): check its addresses and the network between`]
  })
  return stuck.length === 0 ? GREEN : red(stuck.join('; '))
}

export function roundsCheck(nowMs: number, { overdue, silent }: SignHealth, keygen: string | undefined): CheckReport {
  const stuck = [
    ...overdue
      .filter(({ deadlineMs }) => nowMs - deadlineMs > GRACE_MS)
      .map(({ round, deadlineMs }) => `sign round ${round} is ${seconds(nowMs - deadlineMs)} past its deadline`),
    ...(silent === undefined
      ? []
      : [`sign round ${silent.round} ran out of time: no word from ${silent.missing.join(', ')}`]),
    ...(keygen === undefined ? [] : [keygen]),
  ]
  return stuck.length === 0 ? GREEN : red(stuck.join('; '))
}

export function storeCheck(nowMs: number, syncingSinceMs: number | undefined): CheckReport {
  const tookMs = nowMs - (syncingSinceMs ?? nowMs)
  return tookMs > SYNC_MS ? red(`a write to the disk has not ended for ${seconds(tookMs)}: check the disk`) : GREEN
}

export const eventLoopCheck = (lagMs: number): CheckReport =>
  lagMs > LAG_MS ? red(`the process was late by ${seconds(lagMs)}: check the load of the machine`) : GREEN
