import { BoundedMap, type Clock, LIMITS, type Logger, type PeerIdStr } from '../base/index.ts'

const LOG_EVERY_MS = 60_000
/** Only members gossip: twice the largest set, and a pending one of that size. */
const MAX_PEERS = 4 * LIMITS.maxSigners

/** What a peer had too much of: messages waiting or unpaid, bytes, what frames hold, or words that can't be valid. */
export type Flood = 'messages' | 'bytes' | 'entries' | 'muted'

interface Told {
  atMs: number
  /** Since its last line. */
  untold: number
}

/** Incident 7: metrics have no peers, so the log says who floods: each member once a minute, however often it does. */
export class FloodLog {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #told = new BoundedMap<PeerIdStr, Told>(MAX_PEERS)

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock
    this.#logger = logger
  }

  note(peerId: PeerIdStr, what: Flood): void {
    const now = this.#clock.monotonicMs()
    const told = this.#told.getOrMake(peerId, () => ({ atMs: Number.NEGATIVE_INFINITY, untold: 0 }))
    if (now - told.atMs < LOG_EVERY_MS) {
      told.untold++
      return
    }
    this.#logger.warn('a member gossips more than it may: it is read later, or not at all', {
      ...{ peerId, what },
      ...(told.untold === 0 ? {} : { timesSinceLastLine: told.untold }),
    })
    told.atMs = now
    told.untold = 0
  }
}
