import {
  accept,
  BoundedMap,
  type Clock,
  LIMITS,
  type Outcome,
  type PeerIdStr,
  refuse,
  TokenBucket,
} from '../base/index.ts'
import { RELAY_HOST_PREFIX } from './host-of.ts'

/** Why a connection was refused before anybody proved who it is; closed, as labels of the denial counters are. */
export const HOST_REFUSALS = ['host_pending', 'host_rate', 'inbound_full'] as const
export type HostRefusal = (typeof HOST_REFUSALS)[number]

export interface HostQuotaInit {
  readonly clock: Clock
  /** Would this peer be let in now? Asked of those that once were, so that a removed member vouches for nobody. */
  readonly isAdmitted: (peer: PeerIdStr) => boolean
  /** Does the operator's config say that an admitted peer is there? Default: of no host. */
  readonly isExpected?: (host: string) => boolean
}

/**
 * Caps on handshakes that have not proven an identity, by host (docs/GATING.md). The rule of reserved room: the host where an
 * admitted peer last proved its key, or where the operator's config expects one, is a member's host, for as long as that peer
 * is admitted. A member's host has a larger cap of its own, and may hold one handshake whatever all the others hold; hosts without a member share a cap of theirs. So a flood from elsewhere takes no
 * room from members, and one from behind a member's NAT none from members elsewhere.
 * Each peer vouches for one host only, so that no single member can make every host a member's.
 */
export class HostQuota {
  readonly #c: HostQuotaInit
  readonly #vouchedBy = new BoundedMap<PeerIdStr, string>(LIMITS.maxVouchingPeers)
  readonly #buckets = new BoundedMap<string, TokenBucket>(LIMITS.maxRatedHosts)
  /** Handshakes by host; no more hosts than handshakes. */
  readonly #pending = new Map<string, number>()
  #ofStrangers = 0
  #ofMembers = 0

  constructor(init: HostQuotaInit) {
    this.#c = init
  }

  /** Begins a handshake. `release` ends it, may be called more than once, and is called after the handshake's deadline. */
  begin(host: string): Outcome<() => void, HostRefusal> {
    const isStranger = !this.#isMembers(host)
    const held = this.#pending.get(host) ?? 0
    if (held >= (isStranger ? LIMITS.maxPendingPerStrangerHost : LIMITS.maxPendingPerMemberHost))
      return refuse('host_pending')
    if (isStranger && this.#ofStrangers >= LIMITS.maxPendingOfStrangers) return refuse('inbound_full')
    if (!isStranger && held > 0 && this.#ofMembers >= LIMITS.maxPendingOfMembers) return refuse('inbound_full')
    if (!this.#takeToken(host)) return refuse('host_rate')
    this.#pending.set(host, held + 1)
    if (isStranger) this.#ofStrangers += 1
    else this.#ofMembers += 1
    let ended = false
    const release = (): void => {
      if (ended) return
      ended = true
      cancel()
      const left = (this.#pending.get(host) ?? 0) - 1
      if (left > 0) this.#pending.set(host, left)
      else this.#pending.delete(host)
      if (isStranger) this.#ofStrangers -= 1
      else this.#ofMembers -= 1
    }
    const cancel = this.#c.clock.after(LIMITS.handshakeTimeoutMs, release)
    return accept(release)
  }

  /** An admitted peer has proven its key at this host; it vouches for no other any more. */
  vouch(peer: PeerIdStr, host: string): void {
    this.#vouchedBy.set(peer, host)
  }

  #isMembers(host: string): boolean {
    // A relay proved its key on the connection that its relayed ones run in, so it vouches for its own quota.
    if (host.startsWith(RELAY_HOST_PREFIX)) return this.#c.isAdmitted(host.slice(RELAY_HOST_PREFIX.length) as PeerIdStr)
    for (const [peer, at] of this.#vouchedBy) if (at === host && this.#c.isAdmitted(peer)) return true
    return this.#c.isExpected?.(host) ?? false
  }

  /** A host that is asked for again becomes the youngest, so it is not the busy ones that are forgotten. */
  #takeToken(host: string): boolean {
    const perSecond = LIMITS.inboundPerSecondPerHost
    const now = this.#c.clock.monotonicMs()
    const bucket = this.#buckets.get(host) ?? new TokenBucket(perSecond, perSecond, now)
    this.#buckets.set(host, bucket)
    return bucket.take(now)
  }
}
