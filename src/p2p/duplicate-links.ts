import type { Cancel, Clock, Counter, Metrics, PeerIdStr } from '../base/index.ts'
import type { LinkTransport } from './types.ts'

/** Both sides have heard of both links by then, and handshakes that were under way have ended. */
const GRACE_MS = 5_000
/** How often a pair that is not yet down to one link is looked at again. */
const RECHECK_MS = 1_000
/** Longer than any deadline of what may still run on the lesser link; what is stuck there stays stuck. */
const MAX_RETIRING_MS = 60_000

/** One open link to a peer. */
export interface LinkView {
  readonly id: string
  readonly transport: LinkTransport
  readonly direction: 'inbound' | 'outbound'
  readonly openedAtMs: number
  /** This node's own gossip stream runs on it. */
  readonly carriesGossip: boolean
  /** Nothing but keep-alive runs on it, from either side. */
  readonly isIdle: boolean
}

/** Port (implemented by the host): the links of one peer. */
export interface LinksPort {
  links(peer: PeerIdStr): readonly LinkView[]
  /** Begins nothing new on the link, and moves what can be moved to the other one; may be asked again. */
  retire(peer: PeerIdStr, id: string, inFavourOf: string): void
  close(peer: PeerIdStr, id: string): void
}

const TRANSPORT_RANK: Readonly<Record<LinkView['transport'], number>> = { tcp: 0, quic: 1, other: 2, relay: 3 }

/**
 * Which of two links both ends keep: the better transport, then the one that the smaller PeerID dialled. Links that are
 * equal in that were dialled by one side, which alone decides between them.
 */
const rankOf = (self: PeerIdStr, peer: PeerIdStr, link: Pick<LinkView, 'transport' | 'direction'>): number =>
  2 * TRANSPORT_RANK[link.transport] + (self < peer === (link.direction === 'outbound') ? 0 : 1)

/** Best first. */
export function sortLinks<L extends Pick<LinkView, 'transport' | 'direction' | 'openedAtMs'>>(
  self: PeerIdStr,
  peer: PeerIdStr,
  links: readonly L[],
): L[] {
  return [...links].sort((a, b) => rankOf(self, peer, a) - rankOf(self, peer, b) || a.openedAtMs - b.openedAtMs)
}

/**
 * One surviving link of two, as after dials that met half-way. Each side closes only what it dialled itself, and only
 * while a better link is open and carries its gossip: so the two ends never close both, even if they see different links.
 */
export class DuplicateLinks {
  readonly #c: {
    readonly self: PeerIdStr
    readonly port: LinksPort
    readonly clock: Clock
  }
  readonly #closed: Counter<never>
  readonly #timers = new Map<PeerIdStr, Cancel>()
  /** Since when which link of a peer is to go. */
  readonly #retiring = new Map<PeerIdStr, Map<string, number>>()

  constructor(init: {
    readonly self: PeerIdStr
    readonly port: LinksPort
    readonly clock: Clock
    readonly metrics: Metrics
  }) {
    this.#c = init
    this.#closed = init.metrics.counter('p2p_duplicate_links_closed_total', 'Second links to a member that were closed')
  }

  /** A link to a member has opened. */
  opened(peer: PeerIdStr): void {
    if (this.#timers.has(peer) || this.#c.port.links(peer).length < 2) return
    this.#later(peer, GRACE_MS)
  }
  forget(peer: PeerIdStr): void {
    this.#timers.get(peer)?.()
    this.#timers.delete(peer)
    this.#retiring.delete(peer)
  }
  stop(): void {
    for (const peer of [...this.#timers.keys()]) this.forget(peer)
  }

  #later(peer: PeerIdStr, delayMs: number): void {
    const cancel = this.#c.clock.after(delayMs, () => {
      this.#timers.delete(peer)
      this.#look(peer)
      if (this.#c.port.links(peer).length > 1) this.#later(peer, RECHECK_MS)
      else this.#retiring.delete(peer)
    })
    this.#timers.set(peer, cancel)
  }

  #look(peer: PeerIdStr): void {
    const { self, port } = this.#c
    const [winner, ...losers] = sortLinks(self, peer, port.links(peer))
    const [second] = losers
    if (winner === undefined || second === undefined) return
    // Between equal links their dialler chooses: until it has, nothing is moved to the one that it may close.
    const isTie = rankOf(self, peer, winner) === rankOf(self, peer, second)
    if (isTie && winner.direction === 'inbound') return
    for (const loser of losers) {
      port.retire(peer, loser.id, winner.id)
      if (loser.direction === 'outbound' && winner.carriesGossip && this.#mayGo(peer, loser)) {
        this.#closed.inc({})
        port.close(peer, loser.id)
      }
    }
  }

  #mayGo(peer: PeerIdStr, loser: LinkView): boolean {
    const now = this.#c.clock.monotonicMs()
    const retiring = this.#retiring.get(peer) ?? new Map<string, number>()
    const since = retiring.get(loser.id) ?? now
    this.#retiring.set(peer, retiring.set(loser.id, since))
    return loser.isIdle || now - since >= MAX_RETIRING_MS
  }
}
