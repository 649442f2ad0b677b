import type { Logger, PeerIdStr } from '../base/index.ts'
import { type BridgeGrant, type NodeConfig, uncountedOf } from './config/index.ts'

/** R27: at start and after each reload, because a grant that is taken away takes its vote with it and nothing else says so. */
export function tellUncounted(config: Pick<NodeConfig, 'signing' | 'bridges'>, logger: Logger): void {
  const { consent } = config.signing
  const uncounted = uncountedOf(config)
  if (consent === undefined || uncounted.length === 0) return
  logger.warn('consent_from lists bridges that may not call threshold.sign: their asking does not count', {
    ...{ uncounted, counted: consent.from.length - uncounted.length, quorum: consent.quorum },
  })
}

/** Who may call what over rpc: the config's lists and nothing else (docs/PROTOCOL.md). Replaced as a whole when it is reloaded. */
export class Grants {
  #byPeer: ReadonlyMap<PeerIdStr, ReadonlySet<string>> = new Map()

  constructor(bridges: readonly BridgeGrant[]) {
    this.replace(bridges)
  }

  replace(bridges: readonly BridgeGrant[]): void {
    this.#byPeer = new Map(bridges.map((b) => [b.peerId, new Set(b.methods)]))
  }

  /** Asked at every request, so that a method that was taken away is refused on streams that are open, too. */
  readonly authorize = (peer: PeerIdStr, method: string): 'granted' | 'not_granted' =>
    this.#byPeer.get(peer)?.has(method) ? 'granted' : 'not_granted'
}
