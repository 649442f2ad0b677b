import { type Clock, describeError, type GroupKey, LIMITS, type Logger, type PendingId } from '../base/index.ts'
import {
  type HandoffItem,
  handoffRequest,
  inRequestOrder,
  nameOfItem,
  type SignDriver,
  verifyHandoff,
} from '../rounds/index.ts'

/** Digests that one line names; `rotation handoff` shows all. */
const MAX_NAMED = 4

/** What `rounds` is asked for signatures with. */
export type HandoffRounds = Pick<SignDriver, 'sign'>

/** An item with a signature that verified. */
export interface Signed {
  readonly item: HandoffItem
  readonly signature: Uint8Array
}

export interface HandoffSigningInit {
  readonly pendingId: PendingId
  readonly rounds: HandoffRounds
  /** On disk when it resolves. */
  readonly keep: (signed: readonly Signed[]) => Promise<void>
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly logger: Logger
}

/** Has batches of listed digests signed by the old key, and remembers which were not, and why. */
export class HandoffSigning {
  readonly #c: HandoffSigningInit
  readonly #failures = new Map<string, string>()
  #isRunning = false
  #triedAtMs = Number.NEGATIVE_INFINITY

  constructor(init: HandoffSigningInit) {
    this.#c = init
  }

  get isRunning(): boolean {
    return this.#isRunning
  }
  get triedAtMs(): number {
    return this.#triedAtMs
  }
  /** By the item's name, of unsigned and of signed ones: another round may have ended in time. */
  get failures(): ReadonlyMap<string, string> {
    return this.#failures
  }

  /** One sentence that names which of the unsigned items, of `listed` in all, failed; undefined if none did. */
  lastFailure(unsigned: readonly HandoffItem[], listed: number): string | undefined {
    const failed = unsigned.filter((item) => this.#failures.has(nameOfItem(item)))
    const [first] = failed
    if (first === undefined) return undefined
    const more = failed.length > MAX_NAMED ? ` and ${failed.length - MAX_NAMED} more` : ''
    const named = failed.slice(0, MAX_NAMED).map(({ digest }) => digest)
    const why = this.#failures.get(nameOfItem(first))
    return `the old key could not sign ${failed.length} of ${listed} listed digests (${named.join(', ')}${more}): ${why}`
  }

  /** The list is another: everything may be asked for at once. */
  startAfresh(): void {
    this.#failures.clear()
    this.#triedAtMs = Number.NEGATIVE_INFINITY
  }

  /** Every batch fails or succeeds by itself. Never throws; not while another run is under way. */
  async run(groupKey: GroupKey, batches: readonly (readonly HandoffItem[])[]): Promise<void> {
    this.#isRunning = true
    const queue = [...batches]
    const work = async () => {
      for (let batch = queue.shift(); batch !== undefined; batch = queue.shift())
        // A store that fails stops the node by itself (R30); of the rounds nothing throws.
        await this.#sign(groupKey, batch).catch((error: unknown) => this.#failed(batch ?? [], describeError(error)))
    }
    await Promise.all(Array.from({ length: LIMITS.maxHandoffRounds }, work))
    this.#isRunning = false
    this.#triedAtMs = this.#c.clock.monotonicMs()
  }

  async #sign(groupKey: GroupKey, items: readonly HandoffItem[]): Promise<void> {
    const { rounds, pendingId, clock, signal } = this.#c
    if (signal.aborted) return
    const request = handoffRequest(pendingId, groupKey, items)
    const result = await rounds.sign(request, clock.now() + LIMITS.signTimeoutMs, signal)
    if (!result.ok) {
      const silent = result.missing.length === 0 ? '' : `; not heard from: ${result.missing.join(', ')}`
      return this.#failed(items, `${result.message}${silent}`)
    }
    const signed = inRequestOrder(items).map((item, i) => ({ item, signature: result.signatures[i] }))
    const good = signed.filter(
      (s): s is Signed => s.signature !== undefined && verifyHandoff(groupKey, s.item, s.signature),
    )
    const bad = signed.filter(({ item }) => !good.some((s) => s.item === item)).map(({ item }) => item)
    this.#failed(bad, 'a sign round ended with a signature that does not verify')
    // Whatever is wrong with the others, these prove themselves.
    if (good.length > 0) await this.#c.keep(good)
  }

  #failed(items: readonly HandoffItem[], why: string): void {
    const { signal, logger } = this.#c
    if (signal.aborted || items.length === 0) return
    for (const item of items) this.#failures.set(nameOfItem(item), why)
    logger.info('Digests of the handoff are not signed yet', { digests: items.map(({ digest }) => digest), why })
  }
}
