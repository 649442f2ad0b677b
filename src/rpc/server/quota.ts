import { type PeerIdStr, TokenBucket } from '../../base/index.ts'
import { QUOTA_CLASSES, type QuotaClass } from '../wire/index.ts'
import type { TakeQuota } from './types.ts'

/** What a client may take at once, and each second from then on. */
export interface Quota {
  readonly burst: number
  readonly perSecond: number
}

/** null = bounded by requests in flight alone, because the work is a lookup. */
export const DEFAULT_QUOTAS: Readonly<Record<QuotaClass, Quota | null>> = {
  control: null,
  read: null,
  // A deposit's graph asks for up to ~1,500 signatures at once.
  sign: { burst: 2_000, perSecond: 500 },
  // A deposit of 15 operators: 1,005 nonces, as many partial signatures, 379 one-time keys, and the next deposit behind it.
  s2: { burst: 8_192, perSecond: 2_000 },
  // A validator signs a few times a slot.
  keys: { burst: 200, perSecond: 50 },
}

const DAY_SECONDS = 86_400
/** A day's allowance, at once or bit by bit. */
export const perDay = (items: number): Quota => ({ burst: items, perSecond: items / DAY_SECONDS })

/**
 * Items of audited requests a day: each leaves a line in the audit log and, of the seed, a record that is kept for good, which is up to 700 bytes.
 * So a client with rights and no end takes 350 MB a day of class `s2`, and not a disk. A deposit of 15 operators is 2,400 items.
 */
export const DEFAULT_DAILY: Readonly<Record<QuotaClass, Quota | null>> = {
  control: null,
  read: null,
  sign: perDay(500_000),
  s2: perDay(500_000),
  // Ten keys that sign every other second.
  keys: perDay(250_000),
}

/** What `[[bridge]] quota` may name: classes, and of those that have one their allowance of a day. */
export const QUOTA_NAMES: readonly string[] = [
  ...QUOTA_CLASSES,
  ...QUOTA_CLASSES.filter((name) => DEFAULT_DAILY[name] !== null).map(dailyName),
]
/** How the config calls the allowance of a day. */
export function dailyName(quota: QuotaClass): string {
  return `${quota}_per_day`
}

/** Clients whose buckets are remembered; only admitted peers get one, and the longest silent is forgotten first. */
const MAX_CLIENTS = 256

interface Bucket {
  readonly quota: Quota
  readonly tokens: TokenBucket
}

/** `quotaOf` is asked at every request: a bucket is made anew, full, when its quota is another one. */
export function createQuota(
  quotaOf: (peer: PeerIdStr, quota: QuotaClass) => Quota | null = (_peer, quota) => DEFAULT_QUOTAS[quota],
): TakeQuota {
  const buckets = new Map<string, Bucket>()
  return (peer, quotaClass, nowMs, cost, taken) => {
    const quota = quotaOf(peer, quotaClass)
    if (quota === null) return true
    const key = `${quotaClass}/${peer}`
    const known = buckets.get(key)
    const isSame = known?.quota.burst === quota.burst && known.quota.perSecond === quota.perSecond
    const bucket = isSame ? known : { quota, tokens: new TokenBucket(quota.burst, quota.perSecond, nowMs) }
    buckets.delete(key)
    buckets.set(key, bucket)
    const [oldest] = buckets.keys()
    if (buckets.size > MAX_CLIENTS && oldest !== undefined) buckets.delete(oldest)
    return bucket.tokens.takeOrOwe(nowMs, cost, taken)
  }
}
