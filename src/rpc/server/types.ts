import type { Clock, Logger, Metrics, PeerIdStr } from '../../base/index.ts'
import type { StreamPort } from '../../p2p/index.ts'
import type { AuditLog } from '../../signer/index.ts'
import type { Method, Params, QuotaClass, ResultInit } from '../wire/index.ts'

/** Who calls, and until when. */
export interface CallContext {
  readonly peer: PeerIdStr
  /** Unix ms. A result later than this is too late; a little before the client's own deadline, so that a typed failure still arrives. */
  readonly deadlineMs: number
  /** Aborts when the answer can no longer be used: cancelled, past the deadline, stream closed, server stopping. */
  readonly signal: AbortSignal
}

/**
 * Answers one method. Throws RpcError to answer with its code and details; anything else thrown answers INTERNAL and is
 * logged. Params are decoded, checked and granted before. What needs no waiting is best returned without a promise; a frozen
 * result says that none of it will ever change, and is encoded once for as long as the very same object is returned.
 */
export type Handler<M extends Method> = (
  params: Params<M>,
  context: CallContext,
) => ResultInit<M> | Promise<ResultInit<M>>
export type Handlers = { readonly [M in Method]: Handler<M> }

/** What a right is asked for, beside the method. */
export interface AccessScope {
  /** As `[[bridge]] keys` names it; undefined = the method concerns no key, or which one is not known yet. */
  readonly key: string | undefined
  /** The answer is a secret. */
  readonly exports: boolean
  /** Bytes are signed as they are under a key of the key service. */
  readonly raw: boolean
}

/**
 * May this peer call this method for this? Asked at every request, so a changed grant counts from the next one. Where the key or
 * `raw` stands in the params, it is asked before they are decoded, without them, and again with them: both must be granted.
 */
export type Authorize = (peer: PeerIdStr, method: Method, scope: AccessScope) => 'granted' | 'not_granted'

/** Takes `cost` of a class out of a client's allowance, of which `taken` were taken before; false = over it. */
export type TakeQuota = (peer: PeerIdStr, quota: QuotaClass, nowMs: number, cost: number, taken?: number) => boolean

export interface RpcServerInit {
  readonly streams: StreamPort
  readonly authorize: Authorize
  readonly handlers: Handlers
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  /** Where decisions are written before they are answered. Without it nothing is written, as in a benchmark. */
  readonly audit?: AuditLog
  /** Default: `createQuota()` of this room. */
  readonly takeQuota?: TakeQuota
  /** What audited requests take of their day, by items. Default: `createQuota` of `DEFAULT_DAILY`. */
  readonly takeDaily?: TakeQuota
  /** False = what is written for clients must wait: audited requests of `s2` and `keys` are refused. Default: always. */
  readonly hasRoom?: () => boolean
  /** For tests. */
  readonly limits?: Partial<ServerLimits>
}

export interface ServerLimits {
  /** Of a frame of the client's. */
  readonly maxFrameBytes: number
  /** Of a frame of ours. */
  readonly maxAnswerFrameBytes: number
  /** Unanswered requests of one stream. */
  readonly maxInFlight: number
  /** Handlers of one client still at work, over all its streams: an aborted handler counts until it has returned. */
  readonly maxRunningPerPeer: number
  /** Answers handed to the transport and not taken by it, per stream: beyond this the stream is not read. */
  readonly maxUnsentAnswers: number
  /** Bytes of those, and of what open requests may still answer, per stream: beyond this the stream is not read, either. */
  readonly maxHeldAnswerBytes: number
  /** A transport that takes nothing for so long is given up. */
  readonly writeTimeoutMs: number
}
