import {
  type Cancel,
  type Clock,
  type Counter,
  codeOf,
  describeError,
  LIMITS,
  type Logger,
  type Metrics,
  type PeerIdStr,
} from '../base/index.ts'
import { redialDelayMs } from './backoff.ts'

/** A link that lived this long was a link: the next loss is redialled at once. One that dies sooner was a refusal. */
const STABLE_MS = 5_000
/** Of two peers that know each other, the one with the greater PeerID dials second, so that they seldom meet half-way. */
const YIELD_MS = 300

/**
 * A new address of a peer that is being waited for is tried this soon; spread, because many learn of it at once, and not
 * at once, because a member may say new things often.
 */
const NEW_ADDRESS_MS = 1_000

/** How a redial ended; the closed list of labels of `p2p_redials_total`. */
export const REDIAL_RESULTS = ['connected', 'refused', 'unreachable', 'timed_out', 'called_off'] as const
type RedialResult = (typeof REDIAL_RESULTS)[number]

export interface DialPort {
  /** Resolves when connected to exactly that peer; has its own deadline. */
  dial(peer: PeerIdStr, signal: AbortSignal): Promise<void>
  /** An authenticated, open connection of that very peer (incident 4: strangers never count). */
  isConnected(peer: PeerIdStr): boolean
  hasAddress(peer: PeerIdStr): boolean
}

interface Link {
  /** Every dial after the first is a redial. */
  wasDialed: boolean
  failures: number
  connectedAtMs: number | undefined
  timer: Cancel | undefined
  dueAtMs: number
  dialing: AbortController | undefined
}

export interface MeshKeeperInit {
  readonly self: PeerIdStr
  readonly dialer: DialPort
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  readonly random?: () => number
}

/** Keeps one connection to each listed peer, for ever (incident 15). */
export class MeshKeeper {
  readonly #init: MeshKeeperInit
  readonly #random: () => number
  readonly #redials: Counter<'result'>
  readonly #links = new Map<PeerIdStr, Link>()
  #running = false
  #sweep: Cancel | undefined

  constructor(init: MeshKeeperInit) {
    this.#init = init
    this.#random = init.random ?? Math.random
    this.#redials = init.metrics.counter('p2p_redials_total', 'Dials to members after the first, by result', ['result'])
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
      if (!known) this.#links.set(peer, newLink())
      if (!known && this.#running) this.#first(peer)
      if (known) this.#wake(peer)
    }
  }
  drop(peer: PeerIdStr): void {
    const link = this.#links.get(peer)
    if (link !== undefined) this.#quiet(link)
    this.#links.delete(peer)
  }

  opened(peer: PeerIdStr): void {
    const link = this.#links.get(peer)
    if (link !== undefined) link.connectedAtMs ??= this.#init.clock.monotonicMs()
  }
  closed(peer: PeerIdStr): void {
    const link = this.#links.get(peer)
    if (link === undefined || this.#init.dialer.isConnected(peer)) return
    const livedMs = this.#init.clock.monotonicMs() - (link.connectedAtMs ?? this.#init.clock.monotonicMs())
    link.connectedAtMs = undefined
    link.failures = livedMs >= STABLE_MS ? 0 : link.failures + 1
    this.#schedule(peer, link, redialDelayMs(link.failures, this.#random))
  }
  /** A peer that had no address is dialled now; one that is being waited for, soon. */
  addressAppeared(peer: PeerIdStr): void {
    const link = this.#links.get(peer)
    const soonMs = NEW_ADDRESS_MS * (0.5 + this.#random() / 2)
    this.#wake(peer)
    if (link?.timer !== undefined && link.dueAtMs > this.#init.clock.monotonicMs() + soonMs)
      this.#schedule(peer, link, soonMs)
  }

  /** Whoever is neither being dialled nor waited for is dialled now. */
  #wake(peer: PeerIdStr): void {
    const link = this.#links.get(peer)
    if (link !== undefined && link.timer === undefined && link.dialing === undefined) this.#schedule(peer, link, 0)
  }

  /** Redialling must not hang on one event of a library: whoever is missing and not being waited for is dialled. */
  #sweepLater(): void {
    this.#sweep = this.#init.clock.after(LIMITS.redialMaxMs, () => {
      for (const peer of this.#links.keys()) if (!this.#init.dialer.isConnected(peer)) this.#wake(peer)
      this.#sweepLater()
    })
  }

  #first(peer: PeerIdStr): void {
    const link = this.#links.get(peer)
    if (link === undefined) return
    if (this.#init.dialer.isConnected(peer)) link.connectedAtMs = this.#init.clock.monotonicMs()
    this.#schedule(peer, link, peer < this.#init.self ? YIELD_MS * (1 + this.#random()) : 0)
  }

  #schedule(peer: PeerIdStr, link: Link, delayMs: number): void {
    if (!this.#running || link.dialing !== undefined) return
    link.timer?.()
    link.dueAtMs = this.#init.clock.monotonicMs() + delayMs
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
    const count = (result: RedialResult) => {
      if (isRedial) this.#redials.inc({ result })
    }
    const isRedial = link.wasDialed
    link.wasDialed = true
    try {
      await dialer.dial(peer, controller.signal)
      count('connected')
    } catch (error) {
      link.failures++
      count(controller.signal.aborted ? 'called_off' : resultOf(error))
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

const newLink = (): Link => ({
  wasDialed: false,
  failures: 0,
  connectedAtMs: undefined,
  timer: undefined,
  dueAtMs: 0,
  dialing: undefined,
})

function resultOf(error: unknown): RedialResult {
  if (codeOf(error) === 'NOT_ADMITTED') return 'refused'
  return codeOf(error) === 'DEADLINE' ? 'timed_out' : 'unreachable'
}
