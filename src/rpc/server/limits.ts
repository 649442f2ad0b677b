import { LIMITS, type PeerIdStr, TokenBucket } from '../../base/index.ts'
import type { QuotaClass } from '../wire/index.ts'
import type { ServerLimits, TakeQuota } from './types.ts'

export const SERVER_LIMITS: ServerLimits = {
  maxFrameBytes: LIMITS.maxRpcFrameBytes,
  maxInFlight: LIMITS.maxRpcInFlight,
  maxRunningPerPeer: LIMITS.maxRpcInFlight * LIMITS.maxStreamsPerPeer,
  maxUnsentAnswers: 2 * LIMITS.maxRpcInFlight,
  writeTimeoutMs: 10_000,
}

/** What is kept back from the caller's wait, so that a handler's typed failure arrives before the caller gives up. */
export const handlerMarginMs = (timeoutMs: number): number => Math.min(100, Math.floor(timeoutMs / 10))

/** Per client; null = bounded by requests in flight alone, because the work is a lookup. */
const QUOTAS: Readonly<Record<QuotaClass, { readonly burst: number; readonly perSecond: number } | null>> = {
  control: null,
  read: null,
  // A deposit's graph asks for up to ~1,500 signatures at once.
  sign: { burst: 2_000, perSecond: 500 },
}
/** Clients whose buckets are remembered; only admitted peers get one, and the longest silent is forgotten first. */
const MAX_CLIENTS = 256

export function createQuota(quotas: typeof QUOTAS = QUOTAS): TakeQuota {
  const buckets = new Map<string, TokenBucket>()
  return (peer: PeerIdStr, quota: QuotaClass, nowMs: number) => {
    const limit = quotas[quota]
    if (limit === null) return true
    const key = `${quota}/${peer}`
    const bucket = buckets.get(key) ?? new TokenBucket(limit.burst, limit.perSecond, nowMs)
    buckets.delete(key)
    buckets.set(key, bucket)
    const [oldest] = buckets.keys()
    if (buckets.size > MAX_CLIENTS && oldest !== undefined) buckets.delete(oldest)
    return bucket.take(nowMs)
  }
}
