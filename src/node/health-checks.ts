import type { PeerIdStr } from '../base/index.ts'
import { peerIdOfKey } from '../curve/index.ts'
import type { Gate } from '../gating/index.ts'
import type { ConnectionInfo, DialReport } from '../p2p/index.ts'
import type { RegistryHealth } from '../registry/index.ts'
import type { EvidenceView, SignHealth } from '../rounds/index.ts'
import type { PolicyReason, ValidatorTrouble } from '../signer/index.ts'
import type { CheckReport } from '../status/index.ts'
import { checkLiveness, type LivenessFacts } from './liveness-checks.ts'
import { auditCheck, diskCheck, type OperatorView, s2Check, serviceKeysCheck } from './operator-view.ts'
import { stateOf } from './status.ts'
import { dialsCheck, eventLoopCheck, roundsCheck, storeCheck, stuckReading } from './wait-checks.ts'

/** The checks of a signer node; all must be green for it to be. */
export const HEALTH_CHECKS = [
  'registry',
  'membership',
  'mesh',
  'key',
  'dials',
  'rounds',
  'store',
  'event_loop',
  'liveness',
  'clock',
  'identity',
  'evidence',
  'validator',
  's2',
  'service_keys',
  'audit',
  'disk',
] as const
export type HealthCheckName = (typeof HEALTH_CHECKS)[number]

/** Reads that failed for so many polls make the registry check red. */
const MISSED_POLLS = 5

export interface HealthFacts extends Omit<LivenessFacts, 'ownSet'> {
  readonly nowMs: number
  readonly pollIntervalMs: number
  /** `readingSinceMs`: unix ms, while a reading is under way. */
  readonly registry: RegistryHealth & { readonly readingSinceMs?: number | undefined }
  readonly gate: Gate
  readonly connections: readonly ConnectionInfo[]
  readonly keyHeld: boolean
  readonly dials: readonly DialReport[]
  readonly signing: SignHealth
  /** What is stuck in keygen, as a sentence. */
  readonly keygen: string | undefined
  readonly syncingSinceMs: number | undefined
  readonly evidence: Pick<EvidenceView, 'accusations' | 'failure'>
  /** What is wrong with the validator of policy `http`. */
  readonly validator: ValidatorTrouble | undefined
  readonly loopLagMs: number
  readonly operator: OperatorView
}

export function checkHealth(f: HealthFacts): Readonly<Record<HealthCheckName, CheckReport>> {
  const { set, self, trust } = f.gate.state
  const lastMs = f.registry.lastReadAtMs
  const late = lastMs === undefined || f.nowMs - lastMs > MISSED_POLLS * f.pollIntervalMs + 10_000
  const state = stateOf(f.gate)
  const stuck = stuckReading(f.nowMs, f.registry.readingSinceMs)
  const why = f.registry.lastFailure === undefined ? '' : `: ${f.registry.lastFailure.detail}`
  const connected = new Set(f.connections.map((c) => c.peerId))
  // Whom the operator denies is not missed.
  const isWanted = (peer: PeerIdStr) => !f.gate.state.denied.has(peer) && !connected.has(peer)
  const missing = (set?.keys ?? []).filter((k) => k !== self && isWanted(peerIdOfKey(k)))
  return {
    registry:
      trust !== 'fresh'
        ? red(`${STALE[trust]}${why}`)
        : stuck !== undefined
          ? red(stuck)
          : late
            ? red(why === '' ? 'not read yet' : `not read lately${why}`)
            : GREEN,
    membership: state === 'signer' ? GREEN : red(MEMBERSHIP[state]),
    mesh: missing.length === 0 ? GREEN : red(`no connection to ${missing.join(', ')}`),
    key:
      set === undefined || f.keyHeld
        ? set === undefined
          ? red('the registry holds no key yet')
          : GREEN
        : red('this node holds no certified share of the key on chain'),
    dials: dialsCheck(f.nowMs, f.dials, connected),
    rounds: roundsCheck(f.nowMs, f.signing, f.keygen),
    store: storeCheck(f.nowMs, f.syncingSinceMs),
    event_loop: eventLoopCheck(f.loopLagMs),
    evidence: evidenceCheck(f.evidence),
    validator: validatorCheck(f.validator),
    s2: s2Check(f.operator.s2),
    service_keys: serviceKeysCheck(f.operator.serviceKeys),
    audit: auditCheck(f.operator.audit),
    disk: diskCheck(f.operator.disk),
    ...checkLiveness({ ...f, ownSet: set?.hash }),
  }
}

/** Incident 38: a proven fault of one's own stays red until the operator has dealt with it and moved the file away. */
function evidenceCheck({ accusations, failure }: HealthFacts['evidence']): CheckReport {
  const [first] = accusations
  if (first !== undefined) {
    const more = accusations.length === 1 ? '' : `, and ${accusations.length - 1} more`
    return red(`THIS NODE IS ACCUSED with proof: ${first.code} in round ${first.round.slice(0, 8)}${more}`)
  }
  return failure === null ? GREEN : red(`what others do wrong can't be recorded: ${failure}`)
}

/** Red until it answers: who asks nothing learns nothing, and the next request would fail again. */
function validatorCheck(trouble: ValidatorTrouble | undefined): CheckReport {
  if (trouble === undefined) return GREEN
  const { reason, detail, times } = trouble
  const what = `${VALIDATOR_FAULTS[reason] ?? reason}${detail === null ? '' : ` (${detail})`}`
  const asked = times === 1 ? 'asked once' : `asked ${times} times`
  return red(`the validator ${what}, ${asked}; until it answers, this node takes part in nothing new`)
}

const VALIDATOR_FAULTS: Partial<Record<PolicyReason, string>> = {
  validator_unreachable: "can't be reached",
  validator_timeout: 'does not answer in time',
  validator_status: 'answers with an error',
  validator_malformed: 'gives answers that docs/POLICY.md does not know',
}
const MEMBERSHIP = {
  waiting: 'this key stands in no set: approve a rotation that includes it, or wait for one',
  pending: 'this key is not in the registry yet; its set is being made',
  removed: 'this key was removed from the signer set: to take part again, approve a rotation that includes it',
} as const
/** R5. */
const STALE = {
  frozen: 'stale, older than max_age; pending sets, keygen and rotation are frozen',
  closed: 'stale, older than max_age; nobody is admitted (on_stale = "close")',
} as const
const GREEN: CheckReport = { ok: true }
const red = (reason: string): CheckReport => ({ ok: false, reason })
