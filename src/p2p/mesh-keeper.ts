import { type Cancel, type Clock, describeError, LIMITS, type Logger, type PeerIdStr } from '../base/index.ts'
import { redialDelayMs } from './backoff.ts'

/** A link that lived this long was a link: the next loss is redialled at once. One that dies sooner was a refusal. */
const STABLE_MS = 5_000
/** Of two peers that know each other, the one with the greater PeerID dials second, so that they seldom meet half-way. */
const YIELD_MS = 300

export interface DialPort {
  /** Resolves when connected to exactly that peer; has its own deadline. */
  dial(peer: PeerIdStr, signal: AbortSignal): Promise<void>
  /** An authenticated, open connection of that very peer (incident 4: strangers never count). */
  isConnected(peer: PeerIdStr): boolean
  hasAddress(peer: PeerIdStr): boolean
}

interface Link {
  failures: number
  connectedAtMs: number | undefined
  timer: Cancel | undefined
  dialing: AbortController | undefined
}

export interface MeshKeeperInit {
  readonly self: PeerIdStr
  readonly dialer: DialPort
  readonly clock: Clock
  readonly logger: Logger
  readonly random?: () => number
}

/** Keeps one connection to each listed peer, for ever (DESIGN §6, incident 15). */
export class MeshKeeper {
  readonly #init: MeshKeeperInit
  readonly #random: () => number
  readonly #links = new Map<PeerIdStr, Link>()
  #running = false
  #sweep: Cancel | undefined

  constructor(init: MeshKeeperInit) {
    this.#init = init
    this.#random = init.random ?? Math.random
  }

  start(): void {
    this.#running = true
    for (const peer of this.#links.keys()) this.#first(peer)
    this.#sweepLater()
  }
  stop(): void {
    this.#running = false
    this.#sweep?.()
    for (const link of this.#links.values()) this.#quiet(link)
  }

  keep(peers: readonly PeerIdStr[]): void {
    const wanted = new Set(peers.filter((p) => p !== this.#init.self))
    for (const peer of this.#links.keys()) if (!wanted.has(peer)) this.drop(peer)
    for (const peer of wanted) {
      const known = this.#links.has(peer)
      if (!known) this.#links.set(peer, { failures: 0, connectedAtMs: undefined, timer: undefined, dialing: undefined })
      if (!known && this.#running) this.#first(peer)
      if (known) this.addressAppeared(peer)
    }
  }
  drop(peer: PeerIdStr): void {
    const link = this.#links.get(peer)
    if (link !== undefined) this.#quiet(link)
    this.#links.delete(peer)
  }

  opened(peer: PeerIdStr): void {
    const link = this.#links.get(peer)
    if (link !== undefined) link.connectedAtMs ??= this.#init.clock.now()
  }
  closed(peer: PeerIdStr): void {
    const link = this.#links.get(peer)
    if (link === undefined || this.#init.dialer.isConnected(peer)) return
    const livedMs = this.#init.clock.now() - (link.connectedAtMs ?? this.#init.clock.now())
    link.connectedAtMs = undefined
    link.failures = livedMs >= STABLE_MS ? 0 : link.failures + 1
    this.#schedule(peer, link, redialDelayMs(link.failures, this.#random))
  }
  /** A waiting peer that had no address is dialled now. */
  addressAppeared(peer: PeerIdStr): void {
    const link = this.#links.get(peer)
    const isIdle = link?.timer === undefined && link?.dialing === undefined
    if (link !== undefined && isIdle) this.#schedule(peer, link, 0)
  }

  /** Redialling must not hang on one event of a library: whoever is missing and not being waited for is dialled. */
  #sweepLater(): void {
    this.#sweep = this.#init.clock.after(LIMITS.redialMaxMs, () => {
      for (const peer of this.#links.keys()) if (!this.#init.dialer.isConnected(peer)) this.addressAppeared(peer)
      this.#sweepLater()
    })
  }

  #first(peer: PeerIdStr): void {
    const link = this.#links.get(peer)
    if (link === undefined) return
    if (this.#init.dialer.isConnected(peer)) link.connectedAtMs = this.#init.clock.now()
    this.#schedule(peer, link, peer < this.#init.self ? YIELD_MS * (1 + this.#random()) : 0)
  }

  #schedule(peer: PeerIdStr, link: Link, delayMs: number): void {
    if (!this.#running || link.dialing !== undefined) return
    link.timer?.()
    link.timer = this.#init.clock.after(delayMs, () => {
      link.timer = undefined
      void this.#dial(peer, link)
    })
  }

  async #dial(peer: PeerIdStr, link: Link): Promise<void> {
    const { dialer, logger } = this.#init
    if (dialer.isConnected(peer) || !dialer.hasAddress(peer)) return
    const controller = new AbortController()
    link.dialing = controller
    try {
      await dialer.dial(peer, controller.signal)
    } catch (error) {
      link.failures++
      logger.debug('dial failed', { peer, failures: link.failures, error: describeError(error) })
    } finally {
      link.dialing = undefined
    }
    // Also after success: the connection may already be gone, and its closing found this dial under way.
    if (this.#links.get(peer) === link && !dialer.isConnected(peer))
      this.#schedule(peer, link, redialDelayMs(Math.max(1, link.failures), this.#random))
  }

  #quiet(link: Link): void {
    link.timer?.()
    link.timer = undefined
    link.dialing?.abort(new Error('no longer wanted'))
  }
}
