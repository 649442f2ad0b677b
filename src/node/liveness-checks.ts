import type { PublicKey, SetHash } from '../base/index.ts'
import { peerIdOfKey } from '../curve/index.ts'
import type { ConnectionInfo } from '../p2p/index.ts'
import type { CheckReport } from '../status/index.ts'
import { type ElsewhereView, isClockWrong, type LivenessView, MAX_CLOCK_OFFSET_MS } from './liveness/index.ts'

export interface LivenessFacts {
  readonly nowMs: number
  readonly pollIntervalMs: number
  readonly connections: readonly ConnectionInfo[]
  readonly ownSet: SetHash | undefined
  readonly liveness: LivenessView
  readonly keyElsewhere: ElsewhereView | undefined
}

/** Two members read the chain at most one poll apart, unless a poll fails; and the news travels with the next beat. */
export const divergenceGraceMs = (pollIntervalMs: number): number => 2 * pollIntervalMs + 30_000

/** R17 and "connected is not alive": what heartbeats tell of the members, of our clock, and of our own key. */
export function checkLiveness(f: LivenessFacts): Readonly<Record<'liveness' | 'clock' | 'identity', CheckReport>> {
  return { liveness: membersCheck(f), clock: clockCheck(f), identity: identityCheck(f) }
}

function membersCheck({ nowMs, pollIntervalMs, connections, ownSet, liveness }: LivenessFacts): CheckReport {
  const connected = new Set(connections.map((c) => c.peerId))
  const silent: PublicKey[] = []
  const diverging: string[] = []
  for (const [key, { overdue, divergesSinceMs, beat }] of liveness.members) {
    // Who has no link is named by the mesh check.
    if (overdue && connected.has(peerIdOfKey(key))) silent.push(key)
    const isLong = divergesSinceMs !== undefined && nowMs - divergesSinceMs > divergenceGraceMs(pollIntervalMs)
    if (isLong && !overdue) diverging.push(`${key} (${short(beat?.setHash)})`)
  }
  const reasons = [
    ...(silent.length === 0 ? [] : [`connected but silent: ${silent.join(', ')}`]),
    ...(diverging.length === 0
      ? []
      : [`acting by another signer set than this node's (${short(ownSet)}): ${diverging.join(', ')}`]),
  ]
  return reasons.length === 0 ? GREEN : { ok: false, reason: reasons.join('; ') }
}

function clockCheck({ liveness: { clock } }: LivenessFacts): CheckReport {
  if (!isClockWrong(clock)) return GREEN
  const seconds = Math.round(Math.abs(clock.offsetMs ?? 0) / 1000)
  const direction = (clock.offsetMs ?? 0) > 0 ? 'behind' : 'ahead of'
  return {
    ok: false,
    reason: `this machine's clock is ${seconds} s ${direction} the median of ${clock.witnesses} members, more than ${
      MAX_CLOCK_OFFSET_MS / 1000
    } s: set it right (NTP)`,
  }
}

function identityCheck({ keyElsewhere }: LivenessFacts): CheckReport {
  if (keyElsewhere === undefined) return GREEN
  return {
    ok: false,
    reason: `another node (boot ${keyElsewhere.boot}) speaks with this node's key: stop one of the two, then restart the other; until then this node signs nothing`,
  }
}

const short = (hash: SetHash | undefined): string => hash?.slice(0, 8) ?? 'unknown'
const GREEN: CheckReport = { ok: true }
