import type { PeerIdStr } from '../../base/index.ts'
import type { AuditTrail } from './audit.ts'
import type { BoundMethod } from './dispatch.ts'
import type { RpcMetrics } from './metrics.ts'
import type { Authorize, RpcServerInit, ServerLimits, TakeQuota } from './types.ts'

/** What all streams of a server share. */
export interface ServerCore extends Pick<RpcServerInit, 'clock' | 'logger'> {
  readonly authorize: Authorize
  readonly takeQuota: TakeQuota
  readonly takeDaily: TakeQuota
  readonly hasRoom: () => boolean
  readonly methods: ReadonlyMap<string, BoundMethod>
  readonly metrics: RpcMetrics
  readonly limits: ServerLimits
  /** Undefined = nothing is written down. */
  readonly audit: AuditTrail | undefined
  /** Handlers at work, by client. */
  readonly running: Map<PeerIdStr, number>
}
