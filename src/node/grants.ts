import type { Logger, PeerIdStr } from '../base/index.ts'
import { DEFAULT_DAILY, DEFAULT_QUOTAS, dailyName, perDay, type Quota, type QuotaClass } from '../rpc/index.ts'
import { type BridgeGrant, coversKey, type NodeConfig, uncountedOf } from './config/index.ts'

/** R27: at start and after each reload, because a grant that is taken away takes its vote with it and nothing else says so. */
export function tellUncounted(config: Pick<NodeConfig, 'signing' | 'bridges'>, logger: Logger): void {
  const { consent } = config.signing
  const uncounted = uncountedOf(config)
  if (consent === undefined || uncounted.length === 0) return
  logger.warn('consent_from lists bridges that may not call threshold.sign: their asking does not count', {
    ...{ uncounted, counted: consent.from.length - uncounted.length, quorum: consent.quorum },
  })
}

/** What may come at once of a client with a quota of its own: as much of it as of the server's own for the seed. */
const BURST_SECONDS = 4

/** What a request needs beside its method. */
export interface Need {
  /** What it is asked of, as `threshold`, `s2/musig2`, `keys/consensus-1`; undefined: of no key. */
  readonly key?: string | undefined
  /** It gives a secret out. */
  readonly exports?: boolean
  /** It signs 32 bytes as they are, with a key of the key service. */
  readonly raw?: boolean
}

/** Who may call what over rpc: the config's lists and nothing else (docs/PROTOCOL.md). Replaced as a whole when it is reloaded. */
export class Grants {
  #byPeer: ReadonlyMap<PeerIdStr, BridgeGrant> = new Map()

  constructor(bridges: readonly BridgeGrant[]) {
    this.replace(bridges)
  }

  replace(bridges: readonly BridgeGrant[]): void {
    this.#byPeer = new Map(bridges.map((b) => [b.peerId, b]))
  }

  /** Asked at every request, so that a method that was taken away is refused on streams that are open, too. */
  readonly authorize = (peer: PeerIdStr, method: string, need: Need = {}): 'granted' | 'not_granted' => {
    const grant = this.#byPeer.get(peer)
    if (grant === undefined || !grant.methods.includes(method)) return 'not_granted'
    if (need.key !== undefined && !coversKey(grant.keys, need.key)) return 'not_granted'
    if (need.exports === true && !grant.allowSecretExport) return 'not_granted'
    if (need.raw === true && !grant.allowRawSign) return 'not_granted'
    return 'granted'
  }

  /** The config's own for a client, and the server's where it has none. */
  readonly quotaOf = (peer: PeerIdStr, quota: QuotaClass): Quota | null => {
    const perSecond = this.#byPeer.get(peer)?.quota[quota]
    return perSecond === undefined ? DEFAULT_QUOTAS[quota] : { burst: BURST_SECONDS * perSecond, perSecond }
  }
  /** The same for a day. */
  readonly dailyOf = (peer: PeerIdStr, quota: QuotaClass): Quota | null => {
    const items = this.#byPeer.get(peer)?.quota[dailyName(quota)]
    return items === undefined ? DEFAULT_DAILY[quota] : perDay(items)
  }
}
