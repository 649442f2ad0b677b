import type { Gauge, Metrics } from '../base/index.ts'
import type {
  DurableKeyService,
  KeyTrouble,
  LostReason,
  NonceMode,
  OpenAuditLog,
  StoredS2Service,
} from '../signer/index.ts'
import type { CheckReport } from '../status/index.ts'
import type { S2Config } from './config/index.ts'
import type { FreeSpace, FreeSpaceView } from './free-space.ts'

/** Of `GET /status`. The seed's public key, and whether this store can prove what it was used for (R32). */
export interface S2View {
  /** x-only MuSig2 key, hex. */
  readonly publicKey: string
  readonly nonceMode: NonceMode
  readonly continuity: 'proven' | 'lost'
  /** Why one-time secrets are refused; null while they are not. */
  readonly lostReason: LostReason | null
  /** What the operator accepts it by; null while there is nothing to accept. */
  readonly instance: string | null
  readonly generation: number
  readonly journal: {
    readonly path: string
    readonly lines: number
    readonly bytes: number
    readonly head: string
  } | null
}

export interface AuditStatus {
  /** Hash of the last line, null where there is no log. */
  readonly head: string | null
  readonly lines: number
  readonly file: string | null
  /** Why nothing can be recorded, and so nothing audited is answered. */
  readonly failure: string | null
}

/** The key service. */
export interface ServiceKeysView {
  readonly held: number
  /** Versions that are listed and can't be used. */
  readonly unusable: readonly KeyTrouble[]
}

export interface OperatorView {
  readonly s2: S2View | null
  readonly serviceKeys: ServiceKeysView
  readonly audit: AuditStatus
  readonly disk: FreeSpaceView
}

interface Shown {
  readonly s2: Pick<StoredS2Service, 'memory' | 'nonceMode'> | undefined
  readonly keys: Pick<DurableKeyService, 'list' | 'troubles'>
  readonly audit: Pick<OpenAuditLog, 'view'>
  readonly disk: Pick<FreeSpace, 'view'>
}

export function viewOfOperator({ s2, keys, audit, disk }: Shown, config: S2Config | undefined): OperatorView {
  const { journal, failure } = audit.view()
  return {
    s2: s2 === undefined || config === undefined ? null : viewOfS2(s2, config),
    serviceKeys: { held: keys.list().length, unusable: keys.troubles() },
    audit: { head: journal?.head ?? null, lines: journal?.lines ?? 0, file: journal?.file ?? null, failure },
    disk: disk.view(),
  }
}

function viewOfS2({ memory, nonceMode }: NonNullable<Shown['s2']>, { publicKey }: S2Config): S2View {
  const { continuity, generation, journal } = memory.status()
  const isLost = continuity.standing === 'lost'
  return {
    ...{ publicKey, nonceMode, continuity: continuity.standing, generation, journal: journal ?? null },
    lostReason: isLost ? continuity.why : null,
    instance: isLost ? continuity.name : null,
  }
}

/** Nothing is answered that could not be recorded. */
export const auditCheck = ({ failure }: AuditStatus): CheckReport =>
  failure === null
    ? { ok: true }
    : { ok: false, reason: `decisions can't be recorded, so requests are refused: ${failure}` }

/** Said before it is full: then nothing could be recorded at all. */
export const diskCheck = ({ freeBytes, lowFolder }: FreeSpaceView): CheckReport =>
  lowFolder === null
    ? { ok: true }
    : {
        ok: false,
        reason: `the disk of ${lowFolder} has ${Math.floor((freeBytes ?? 0) / MIB)} MiB left, so what bridges ask of the seed and of keys is refused; make room, or move finished files of the audit log away`,
      }
const MIB = 1024 * 1024

/** R32: red until the operator has decided, because what bridges ask for is refused. */
export const s2Check = (s2: S2View | null): CheckReport =>
  s2 === null || s2.continuity === 'proven'
    ? { ok: true }
    : {
        ok: false,
        reason: `what may be used once only is refused: this store can't prove what the seed was used for (${s2.lostReason}); import the journal, or accept ${s2.instance} by name (countersign s2 status)`,
      }

/** A key that is lost or was exchanged fails only when somebody needs it. */
export function serviceKeysCheck({ unusable }: ServiceKeysView): CheckReport {
  const [first] = unusable
  if (first === undefined) return { ok: true }
  const more = unusable.length === 1 ? '' : `, and ${unusable.length - 1} more`
  return { ok: false, reason: `${first.name} (version ${first.version}) can't be used: ${first.why}${more}` }
}

/** Gauges of the above, set at each look. */
export function operatorMeters(metrics: Metrics, view: () => OperatorView): () => void {
  const lines: Gauge<never> = metrics.gauge('audit_lines', 'Lines of the audit log, all its files')
  const lost: Gauge<never> = metrics.gauge('s2_state_lost', '1 while one-time secrets are refused')
  const journal: Gauge<never> = metrics.gauge('s2_journal_lines', 'Lines of the journal of one-time bindings')
  const keys: Gauge<never> = metrics.gauge('service_keys', 'Keys of the key service')
  return () => {
    const { s2, audit, serviceKeys } = view()
    lines.set({}, audit.lines)
    lost.set({}, s2?.continuity === 'lost' ? 1 : 0)
    journal.set({}, s2?.journal?.lines ?? 0)
    keys.set({}, serviceKeys.held)
  }
}
