import { LIMITS, type PeerIdStr, type PublicKey } from '../base/index.ts'
import { peerIdOfKey } from '../curve/index.ts'

/**
 * Keys that speak over another key's link, under one topic (R7): the next key of a member has no PeerID in the mesh before
 * it stands on chain. Who may be carried is the caller's to prove, and its `stop` ends it.
 */
export class Carriers {
  readonly #byTopic = new Map<string, Map<PublicKey, PeerIdStr>>()

  /** The first carrier of a key stands until it is stopped; what comes beside it, or beyond a whole set, has no effect. */
  carry(topic: string, carried: PublicKey, carrier: PublicKey): () => void {
    const links = this.#byTopic.get(topic) ?? new Map<PublicKey, PeerIdStr>()
    if (links.has(carried) || links.size >= LIMITS.maxSigners) return () => {}
    this.#byTopic.set(topic, links.set(carried, peerIdOfKey(carrier)))
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      links.delete(carried)
      if (links.size === 0) this.#byTopic.delete(topic)
    }
  }

  /** The peer that carries `key` under this topic; undefined: it has a link of its own. */
  linkOf(topic: string, key: PublicKey): PeerIdStr | undefined {
    return this.#byTopic.get(topic)?.get(key)
  }
}
