import { peerIdOfKey } from '../curve/index.ts'
import type { Gate } from '../gating/index.ts'
import type { ConnectionInfo } from '../p2p/index.ts'
import type { RegistryHealth } from '../registry/index.ts'
import type { CheckReport } from '../status/index.ts'
import { stateOf } from './status.ts'

/** The checks of a signer node; all must be green for it to be. */
export const HEALTH_CHECKS = ['registry', 'membership', 'mesh', 'key'] as const
export type HealthCheckName = (typeof HEALTH_CHECKS)[number]

/** Reads that failed for so many polls make the registry check red. */
const MISSED_POLLS = 5

export interface HealthFacts {
  readonly nowMs: number
  readonly pollIntervalMs: number
  readonly registry: RegistryHealth
  readonly gate: Gate
  readonly connections: readonly ConnectionInfo[]
  readonly keyHeld: boolean
}

export function checkHealth(f: HealthFacts): Readonly<Record<HealthCheckName, CheckReport>> {
  const { set, self } = f.gate.state
  const lastMs = f.registry.lastReadAtMs
  const stale = lastMs === undefined || f.nowMs - lastMs > MISSED_POLLS * f.pollIntervalMs + 10_000
  const state = stateOf(f.gate)
  const connected = new Set(f.connections.map((c) => c.peerId))
  const missing = (set?.keys ?? []).filter((k) => k !== self && !connected.has(peerIdOfKey(k)))
  return {
    registry: stale
      ? red(f.registry.lastFailure === undefined ? 'not read yet' : `not read lately: ${f.registry.lastFailure.detail}`)
      : GREEN,
    membership: state === 'signer' ? GREEN : red(MEMBERSHIP[state]),
    mesh: missing.length === 0 ? GREEN : red(`no connection to ${missing.join(', ')}`),
    key:
      set === undefined || f.keyHeld
        ? set === undefined
          ? red('the registry holds no key yet')
          : GREEN
        : red('this node holds no certified share of the key on chain'),
  }
}

const MEMBERSHIP = {
  waiting: 'this key stands in no set: approve a rotation that includes it, or wait for one',
  pending: 'this key is not in the registry yet; its set is being made',
  removed: 'this key was removed from the signer set',
} as const
const GREEN: CheckReport = { ok: true }
const red = (reason: string): CheckReport => ({ ok: false, reason })
