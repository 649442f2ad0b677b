import type { Connection } from '@libp2p/interface'
import type { PeerIdStr } from '../base/index.ts'
import { infoOf } from './connection-info.ts'
import type { Dialer } from './dialer.ts'
import type { LinksPort, LinkView } from './duplicate-links.ts'
import { Gossip } from './gossip.ts'
import { IDENTIFY_PROTOCOL, PING_PROTOCOL } from './protocols.ts'
import type { Streams } from './streams.ts'

/** Streams that nobody would miss. */
const KEEP_ALIVE: readonly string[] = [IDENTIFY_PROTOCOL, PING_PROTOCOL]

/** The links of a libp2p host as the rule of the surviving link sees them. */
export class Links implements LinksPort {
  readonly #c: {
    readonly dialer: Dialer
    readonly streams: Streams
    /** Undefined while stopped. */
    readonly gossip: () => Gossip | undefined
  }
  constructor(init: {
    readonly dialer: Dialer
    readonly streams: Streams
    readonly gossip: () => Gossip | undefined
  }) {
    this.#c = init
  }

  links(peer: PeerIdStr): readonly LinkView[] {
    return this.#c.dialer.connections(peer).map((connection) => ({
      ...infoOf(connection),
      id: connection.id,
      carriesGossip: Gossip.runsOn(connection),
      isIdle: connection.streams.every((s) => KEEP_ALIVE.includes(s.protocol)),
    }))
  }
  retire(peer: PeerIdStr, id: string, inFavourOf: string): void {
    const { connection, other } = this.#pair(peer, id, inFavourOf)
    if (connection === undefined || other === undefined) return
    this.#c.streams.retire(connection)
    this.#c.gossip()?.moveTo(other, [connection])
  }
  close(peer: PeerIdStr, id: string): void {
    const { connection } = this.#pair(peer, id)
    connection?.close().catch((error: Error) => connection.abort(error))
  }

  #pair(
    peer: PeerIdStr,
    id: string,
    otherId?: string,
  ): { readonly connection: Connection | undefined; readonly other: Connection | undefined } {
    const all = this.#c.dialer.connections(peer)
    return { connection: all.find((c) => c.id === id), other: all.find((c) => c.id === otherId) }
  }
}
