import { type Clock, describeError, type Logger, type PeerIdStr, toHex } from '../../base/index.ts'
import { sha256 } from '../../curve/index.ts'
import type { AuditLog } from '../../signer/index.ts'
import { RefusalWindow } from './refusals.ts'

/** What was decided about. */
export interface Asked {
  readonly method: string
  readonly key: string | undefined
  readonly items: number
  /** Encoded. */
  readonly params: Uint8Array
}

export interface AuditTrailInit {
  readonly log: AuditLog
  readonly clock: Clock
  readonly logger: Logger
}

/** Clients whose refusals are counted; only admitted peers get here, and the one that was refused least lately is flushed first. */
const MAX_CLIENTS = 256

/**
 * Writes down what was decided before the answer leaves. What was begun has a line each, also if its client no longer
 * waits when it ends. What was refused before has one each up to a number per client and minute, and is counted beyond that.
 */
export class AuditTrail {
  readonly #init: AuditTrailInit
  readonly #refusals = new Map<PeerIdStr, RefusalWindow>()
  #failing = false

  constructor(init: AuditTrailInit) {
    this.#init = init
  }

  /** Nothing can be written, as far as is known. Refusals are still tried: one that is written ends it. */
  get isFailing(): boolean {
    return this.#failing || this.#init.log.isFailed?.() === true
  }

  /** Resolves when it is on disk. Rejects when it can't be written: then nothing may be answered. */
  served(client: PeerIdStr, asked: Asked, refusedItems: readonly string[], isAnswered: boolean): Promise<void> {
    return this.#append(client, asked, 'ok', counted(refusedItems), isAnswered)
  }

  /** As `served`, of what was begun and came to nothing, or to something that nobody knows of: always a line of its own. */
  failed(client: PeerIdStr, asked: Asked, code: string, isAnswered: boolean): Promise<void> {
    return this.#append(client, asked, code, {}, isAnswered)
  }

  /** As `served`, of what was never begun; undefined when it was only counted, and nothing has to be waited for. */
  refused(client: PeerIdStr, asked: Asked, code: string): Promise<void> | undefined {
    const window = this.#windowOf(client)
    return window.takeLine(code) ? this.#append(client, asked, code, {}, true) : undefined
  }

  /** Writes the counts that no line tells yet. */
  async stop(): Promise<void> {
    const windows = [...this.#refusals.values()]
    this.#refusals.clear()
    await Promise.all(windows.map((window) => window.end()))
  }

  #windowOf(client: PeerIdStr): RefusalWindow {
    const { clock } = this.#init
    const window =
      this.#refusals.get(client) ?? new RefusalWindow(clock, (counts) => this.#appendCounts(client, counts))
    this.#refusals.delete(client)
    this.#refusals.set(client, window)
    const [oldest] = this.#refusals.keys()
    if (this.#refusals.size > MAX_CLIENTS && oldest !== undefined) {
      void this.#refusals.get(oldest)?.end()
      this.#refusals.delete(oldest)
    }
    return window
  }

  #append(
    client: PeerIdStr,
    { method, key, items, params }: Asked,
    outcome: string,
    refusedItems: Readonly<Record<string, number>>,
    isAnswered: boolean,
  ): Promise<void> {
    const requestHash = toHex(sha256(params))
    const about = { atMs: this.#init.clock.now(), client, method, key, items, requestHash, outcome, refusedItems }
    return this.#write(isAnswered ? about : { ...about, answered: false })
  }

  /** Never rejects: the answers have left. */
  async #appendCounts(client: PeerIdStr, refusedItems: Readonly<Record<string, number>>): Promise<void> {
    const items = Object.values(refusedItems).reduce((sum, n) => sum + n, 0)
    const about = { client, method: COUNTED, key: undefined, items, requestHash: '', outcome: COUNTED, refusedItems }
    try {
      await this.#write({ atMs: this.#init.clock.now(), ...about })
    } catch {
      // Said by `#write`.
    }
  }

  async #write(entry: Parameters<AuditLog['append']>[0]): Promise<void> {
    try {
      await this.#init.log.append(entry)
      this.#failing = false
    } catch (error) {
      // Once, and not for each of a flood.
      if (!this.#failing)
        this.#init.logger.error('the audit log takes nothing, so nothing that needs it is answered', {
          error: describeError(error),
        })
      this.#failing = true
      throw error
    }
  }
}

/** Method and outcome of a line that only counts, by code, what was refused in a minute beyond the lines of its own. */
const COUNTED = 'refusals'

function counted(codes: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const code of codes) counts[code] = (counts[code] ?? 0) + 1
  return counts
}
