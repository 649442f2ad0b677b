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

/** Why a seed led to nobody; the closed list of labels of `p2p_seed_dials_total`, beside `connected`. */
export type SeedFailure = 'refused' | 'unreachable' | 'timed_out' | 'own_address'

/** While nobody is missing, how often that is asked again. */
const IDLE_LOOK_MS = 1_000

export interface SeedPort {
  /**
   * Dials an address of unknown owner; resolves with the peer that proved itself there and is admitted. Throws
   * `NOT_ADMITTED` (somebody else is there, or the address may not be dialled), `OWN_ADDRESS`, `UNREACHABLE`, `DEADLINE`.
   */
  dialSeed(address: string, signal: AbortSignal): Promise<PeerIdStr>
  isConnected(peer: PeerIdStr): boolean
}

interface Seed {
  failures: number
  owner: PeerIdStr | undefined
  timer: Cancel | undefined
  dialing: AbortController | undefined
}

export interface SeedKeeperInit {
  readonly port: SeedPort
  /** True while some member has no link: else there is nobody to be found. */
  readonly isAnyoneMissing: () => boolean
  /** This member has answered at this address. */
  readonly onOwner: (peer: PeerIdStr, address: string) => void
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  readonly random?: () => number
}

/**
 * Seeds without PeerID: an address whose owner proves itself in the handshake. Each is dialled while its owner, as far as
 * known, is missing: for ever, with backoff, because who answers there today may be refused, or be this very node by a name
 * that all members share, and tomorrow be a member.
 */
export class SeedKeeper {
  readonly #c: SeedKeeperInit
  readonly #random: () => number
  readonly #dials: Counter<'result'>
  readonly #seeds = new Map<string, Seed>()
  #running = false

  constructor(init: SeedKeeperInit) {
    this.#c = init
    this.#random = init.random ?? Math.random
    this.#dials = init.metrics.counter('p2p_seed_dials_total', 'Dials to seeds without PeerID, by result', ['result'])
  }

  start(): void {
    this.#running = true
    for (const [address, seed] of this.#seeds) this.#schedule(address, seed, 0)
  }
  stop(): void {
    this.#running = false
    for (const seed of this.#seeds.values()) quiet(seed)
  }

  /** Replaces the list. */
  keep(addresses: readonly string[]): void {
    const wanted = new Set(addresses)
    for (const [address, seed] of this.#seeds) {
      if (wanted.has(address)) continue
      quiet(seed)
      this.#seeds.delete(address)
    }
    for (const address of wanted) {
      if (this.#seeds.has(address)) continue
      const seed: Seed = { failures: 0, owner: undefined, timer: undefined, dialing: undefined }
      this.#seeds.set(address, seed)
      this.#schedule(address, seed, 0)
    }
  }

  #schedule(address: string, seed: Seed, delayMs: number): void {
    if (!this.#running || seed.dialing !== undefined) return
    seed.timer?.()
    seed.timer = this.#c.clock.after(delayMs, () => {
      seed.timer = undefined
      void this.#look(address, seed)
    })
  }

  async #look(address: string, seed: Seed): Promise<void> {
    const isOwnerHere = seed.owner !== undefined && this.#c.port.isConnected(seed.owner)
    if (isOwnerHere) seed.failures = 0
    const isWanted = !isOwnerHere && this.#c.isAnyoneMissing()
    if (isWanted) await this.#dial(address, seed)
    if (this.#seeds.get(address) !== seed) return
    const delayMs = isWanted ? LIMITS.redialMinMs + redialDelayMs(seed.failures, this.#random) : IDLE_LOOK_MS
    this.#schedule(address, seed, delayMs)
  }

  async #dial(address: string, seed: Seed): Promise<void> {
    const controller = new AbortController()
    seed.dialing = controller
    // Until the owner is seen to stay: one that takes the call and hangs up has not let this node in.
    seed.failures++
    try {
      seed.owner = await this.#c.port.dialSeed(address, controller.signal)
      this.#dials.inc({ result: 'connected' })
      this.#c.onOwner(seed.owner, address)
    } catch (error) {
      if (!controller.signal.aborted) this.#dials.inc({ result: failureOf(error) })
      this.#c.logger.debug('a seed led to nobody', { address, error: describeError(error) })
    } finally {
      seed.dialing = undefined
    }
  }
}

function failureOf(error: unknown): SeedFailure {
  switch (codeOf(error)) {
    case 'NOT_ADMITTED':
      return 'refused'
    case 'OWN_ADDRESS':
      return 'own_address'
    case 'DEADLINE':
      return 'timed_out'
    default:
      return 'unreachable'
  }
}

function quiet(seed: Seed): void {
  seed.timer?.()
  seed.timer = undefined
  seed.dialing?.abort(new Error('no longer wanted'))
}
