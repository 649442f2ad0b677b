import { describeError, type Logger, type Metrics, withDeadline } from '../base/index.ts'
import type { RegistryId, SetAudit, Snapshot } from './types.ts'

/** A disk that stays broken for more changes than this has lost its operator's interest long before. */
const MAX_WAITING = 64
const APPEND_TIMEOUT_MS = 5_000

/** One line of `registry-audit.jsonl`: what the set was, what it is, and who said so. */
export interface SetChange {
  readonly atMs: number
  readonly network: string
  readonly contract: string
  /** Set hash; null where there was no set, or none was known. */
  readonly old: string | null
  readonly new: string | null
  readonly block: { readonly id: string; readonly stacksHeight: number; readonly burnHeight: number }
  /** Scheme, host and port of the Stacks nodes whose answers agreed. */
  readonly endpoints: readonly string[]
}

const hashOf = (snapshot: Snapshot | undefined): string | null => (snapshot?.kind === 'set' ? snapshot.set.hash : null)

export function setChange(
  { network, contract }: RegistryId,
  before: Snapshot | undefined,
  after: Snapshot,
  endpoints: readonly string[],
): SetChange {
  const { indexBlockHash: id, stacksHeight, burnHeight } = after.tip
  return {
    atMs: after.readAtMs,
    network,
    contract,
    old: hashOf(before),
    new: hashOf(after),
    block: { id, stacksHeight, burnHeight },
    endpoints,
  }
}

/** Changes on their way to the disk, in order. What could not be written waits for the next reading. */
export class ChangeLog {
  readonly #audit: SetAudit
  readonly #logger: Logger
  readonly #failures
  readonly #waiting: SetChange[] = []

  constructor(audit: SetAudit, logger: Logger, metrics: Metrics) {
    this.#audit = audit
    this.#logger = logger
    this.#failures = metrics.counter('registry_audit_failures_total', 'Set changes that could not be recorded at once')
  }

  add(change: SetChange): void {
    if (this.#waiting.length < MAX_WAITING) this.#waiting.push(change)
    else this.#logger.error('A set change is not recorded: too many wait for the disk', { ...change })
  }

  /** Never rejects: a full disk must not stop the watching. */
  async flush(): Promise<void> {
    for (;;) {
      const [next] = this.#waiting
      if (next === undefined) return
      try {
        await withDeadline('recording a set change', APPEND_TIMEOUT_MS, () => this.#audit.append(JSON.stringify(next)))
      } catch (error) {
        this.#failures.inc({})
        this.#logger.error('A set change could not be recorded; it is tried again at the next reading', {
          error: describeError(error),
        })
        return
      }
      this.#waiting.shift()
    }
  }
}
