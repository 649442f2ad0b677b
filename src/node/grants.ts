import type { PeerIdStr } from '../base/index.ts'
import type { BridgeGrant } from './config/index.ts'

/** Who may call what over rpc: the config's lists and nothing else (DESIGN §10). Replaced as a whole when it is reloaded. */
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
