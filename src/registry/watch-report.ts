import type { Clock, Logger, Metrics } from '../base/index.ts'
import type { EndpointFailure } from './quorum-read.ts'
import { isStale } from './staleness.ts'
import type { ReadFailure, RegistryHealth, Snapshot } from './types.ts'

/** What operators see of the watcher: health, counters, and a log line when something changes and not at every poll. */
export class WatchReport {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #reads
  readonly #endpointFailures
  readonly #ageSeconds
  readonly #stale
  readonly #maxAgeMs: number
  readonly #stacksHeight
  readonly #signers
  #health: RegistryHealth = { lastReadAtMs: undefined, lastFailure: undefined }
  #readingSinceMs: number | undefined
  #failingEndpoints = ''

  constructor(clock: Clock, logger: Logger, metrics: Metrics, maxAgeMs: number) {
    this.#maxAgeMs = maxAgeMs
    this.#clock = clock
    this.#logger = logger
    this.#reads = metrics.counter('registry_reads_total', 'Readings of the registry', ['result'])
    this.#endpointFailures = metrics.counter(
      'registry_endpoint_failures_total',
      'Stacks nodes that failed in a reading',
      ['reason'],
    )
    this.#ageSeconds = metrics.gauge(
      'registry_snapshot_age_seconds',
      'Age of the last good snapshot, as of the last reading',
    )
    this.#stale = metrics.gauge(
      'registry_stale',
      '1 while the last good snapshot is older than max_age (R5), as of the last reading',
    )
    this.#stacksHeight = metrics.gauge('registry_stacks_height_blocks', 'Stacks height of the last good snapshot')
    this.#signers = metrics.gauge('registry_signers_total', 'Signers in the last good snapshot')
  }

  health(): RegistryHealth {
    const readingSinceMs = this.#readingSinceMs
    return readingSinceMs === undefined ? this.#health : { ...this.#health, readingSinceMs }
  }

  began(): void {
    this.#readingSinceMs = this.#clock.now()
  }
  ended(): void {
    this.#readingSinceMs = undefined
  }

  succeeded(snapshot: Snapshot, failures: readonly EndpointFailure[]): void {
    if (this.#health.lastFailure !== undefined) this.#logger.info('Registry is readable again')
    this.#health = { lastReadAtMs: snapshot.readAtMs, lastFailure: undefined }
    this.#reads.inc({ result: 'ok' })
    this.#endpoints(failures)
    this.measure(snapshot)
  }

  failed(
    reason: ReadFailure,
    detail: string,
    failures: readonly EndpointFailure[],
    latest: Snapshot | undefined,
  ): void {
    this.#reads.inc({ result: reason })
    const fields = { reason, detail, lastGoodHeight: latest?.tip.stacksHeight }
    if (this.#health.lastFailure?.reason === reason) this.#logger.debug('Registry is still not readable', fields)
    else this.#logger.warn('Registry is not readable; the last good snapshot stands', fields)
    this.#health = { ...this.#health, lastFailure: { reason, detail, atMs: this.#clock.now() } }
    this.#endpoints(failures)
    if (latest !== undefined) this.measure(latest)
  }

  measure(snapshot: Snapshot): void {
    this.#ageSeconds.set({}, Math.max(0, this.#clock.now() - snapshot.readAtMs) / 1000)
    this.#stale.set({}, isStale(snapshot, this.#maxAgeMs, this.#clock.now()) ? 1 : 0)
    this.#stacksHeight.set({}, snapshot.tip.stacksHeight)
    this.#signers.set({}, snapshot.kind === 'set' ? snapshot.set.keys.length : 0)
  }

  #endpoints(failures: readonly EndpointFailure[]): void {
    for (const { reason } of failures) this.#endpointFailures.inc({ reason })
    const failing = failures.map((f) => `${f.endpoint} ${f.reason}`).join(', ')
    if (failing !== this.#failingEndpoints && failing !== '')
      this.#logger.warn('Some Stacks nodes failed', { failures })
    this.#failingEndpoints = failing
  }
}
