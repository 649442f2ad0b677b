import { BoundedMap, type Clock, LIMITS, type PeerIdStr } from '../base/index.ts'
import type { DialReport } from './types.ts'

/**
 * A dial that failed after so long waited for an answer that never came: an open port that says nothing, or packets that
 * are dropped. Half of the whole, as one address gets; a refused connection fails at once. The libraries' own errors don't
 * tell the two apart.
 */
const SILENCE_MS = LIMITS.dialTimeoutMs / 2 - 100

interface Watched {
  /** Starts of the dials under way, unix ms. */
  readonly pending: Set<{ readonly sinceMs: number }>
  unanswered: number
}

/** Which dials hang, for health (incident 41). */
export class DialWatch {
  readonly #clock: Clock
  readonly #peers = new BoundedMap<PeerIdStr, Watched>(4 * LIMITS.maxSigners)

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Returns what ends the dial. */
  begin(peer: PeerIdStr): (outcome: 'connected' | 'failed') => void {
    const watched = this.#peers.get(peer) ?? { pending: new Set(), unanswered: 0 }
    this.#peers.set(peer, watched)
    const dial = { sinceMs: this.#clock.now() }
    watched.pending.add(dial)
    return (outcome) => {
      if (!watched.pending.delete(dial)) return
      const wasSilent = outcome === 'failed' && this.#clock.now() - dial.sinceMs >= SILENCE_MS
      watched.unanswered = wasSilent ? watched.unanswered + 1 : 0
      if (watched.unanswered === 0 && watched.pending.size === 0 && this.#peers.get(peer) === watched)
        this.#peers.delete(peer)
    }
  }

  /** Nobody wants a link to this peer any more. */
  forget(peer: PeerIdStr): void {
    this.#peers.delete(peer)
  }

  report(): readonly DialReport[] {
    return [...this.#peers].map(([peerId, { pending, unanswered }]) => ({
      peerId,
      pendingSinceMs: pending.size === 0 ? undefined : Math.min(...[...pending].map((d) => d.sinceMs)),
      unanswered,
    }))
  }
}
