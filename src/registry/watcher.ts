import {
  type Clock,
  DeadlineError,
  describeError,
  Emitter,
  LIMITS,
  type Listenable,
  type Logger,
  type Metrics,
  noMetrics,
  silentLogger,
  systemClock,
  withDeadline,
} from '../base/index.ts'
import { courseAfter } from './continuity.ts'
import { ReadError } from './errors.ts'
import { defaultConfirmations, requireSoundQuorum } from './quorum.ts'
import type { EndpointFailure } from './quorum-read.ts'
import { type Reading, type RegistrySource, readRegistry, readRegistryAt } from './read-registry.ts'
import { ReadScheduler } from './read-scheduler.ts'
import { ChangeLog, setChange } from './set-audit.ts'
import { decodeSnapshot, encodeSnapshot } from './snapshot-codec.ts'
import { createStacksClient } from './stacks-client.ts'
import { DEFAULT_MAX_AGE_MS, isStale } from './staleness.ts'
import type {
  ChainTip,
  RegistryHealth,
  RegistryId,
  RegistryWatcher,
  SetAudit,
  Snapshot,
  SnapshotKeeper,
} from './types.ts'
import { WatchReport } from './watch-report.ts'

export interface RegistryWatcherInit {
  readonly registryId: RegistryId
  /** Base URLs of Stacks nodes. */
  readonly endpoints: readonly string[]
  /** How many of them must agree (R4). */
  readonly quorum: number
  /** Bitcoin blocks that must stand on what is read (R4). Default: `defaultConfirmations` of the chain. */
  readonly confirmations?: number
  readonly pollIntervalMs: number
  readonly keeper: SnapshotKeeper
  /** A block at which a set is known to have stood, whatever became of the stored snapshot (R4). */
  readonly knownTip?: ChainTip | undefined
  /** Where set changes are recorded. Default: nowhere. */
  readonly audit?: SetAudit
  /** Past this age a snapshot is stale (R5). Default DEFAULT_MAX_AGE_MS. */
  readonly maxAgeMs?: number
  readonly clock?: Clock
  readonly logger?: Logger
  readonly metrics?: Metrics
  /** Default LIMITS.chainCallTimeoutMs. */
  readonly callTimeoutMs?: number
  /** Default LIMITS.minReadIntervalMs (R10). */
  readonly minReadIntervalMs?: number
}

/** A reading is at most: tips, one pinned read per candidate, the proof of a reorg; the deadline allows three slow steps. */
const CALLS_PER_READ = 3
/** With `confirmations` also: the tenures down to a block that is deep enough, and the pinned read at the applied one. */
const CALLS_PER_DEEP_READ = 6
/** A disk that hangs must not stop the watching. */
const KEEPER_TIMEOUT_MS = 5_000

/** Throws CodedError `BAD_ENDPOINT` or `BAD_QUORUM`. Does no I/O before `start`. */
export const createRegistryWatcher = (init: RegistryWatcherInit): RegistryWatcher => new ChainRegistryWatcher(init)

class ChainRegistryWatcher implements RegistryWatcher {
  readonly changes: Listenable<Snapshot>
  readonly #emitter: Emitter<Snapshot>
  readonly #source: RegistrySource
  readonly #scheduler: ReadScheduler<Snapshot>
  readonly #report: WatchReport
  readonly #keeper: SnapshotKeeper
  readonly #changeLog: ChangeLog | undefined
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #readTimeoutMs: number
  readonly #maxAgeMs: number
  readonly #hadSet: boolean
  #latest: Snapshot | undefined
  /** Until something was read: the first reading, too, must not go back behind it. */
  #knownTip: ChainTip | undefined

  constructor(init: RegistryWatcherInit) {
    const { registryId, endpoints, quorum } = init
    requireSoundQuorum(endpoints, quorum, registryId.chainId)
    const timeoutMs = init.callTimeoutMs ?? LIMITS.chainCallTimeoutMs
    this.#clock = init.clock ?? systemClock
    this.#logger = (init.logger ?? silentLogger).child('registry')
    this.#keeper = init.keeper
    this.#knownTip = init.knownTip
    this.#hadSet = init.knownTip !== undefined
    this.#maxAgeMs = init.maxAgeMs ?? DEFAULT_MAX_AGE_MS
    const confirmations = init.confirmations ?? defaultConfirmations(registryId.chainId)
    this.#readTimeoutMs = timeoutMs * (confirmations > 0 ? CALLS_PER_DEEP_READ : CALLS_PER_READ)
    this.#source = {
      registryId,
      quorum,
      confirmations,
      clock: this.#clock,
      clients: endpoints.map((endpoint) => createStacksClient(endpoint, { timeoutMs })),
    }
    this.#report = new WatchReport(this.#clock, this.#logger, init.metrics ?? noMetrics, this.#maxAgeMs)
    if (init.audit !== undefined) this.#changeLog = new ChangeLog(init.audit, this.#logger, init.metrics ?? noMetrics)
    this.#emitter = new Emitter((error) =>
      this.#logger.error('A listener of registry changes failed', { error: describeError(error) }),
    )
    this.changes = this.#emitter
    this.#scheduler = new ReadScheduler({
      clock: this.#clock,
      minIntervalMs: init.minReadIntervalMs ?? LIMITS.minReadIntervalMs,
      pollIntervalMs: init.pollIntervalMs,
      read: (signal) => this.#read(signal),
    })
  }

  /** Loads the last good set from disk and begins to read; resolves without waiting for the chain, which may be down (incident 1). */
  async start(): Promise<void> {
    await this.#load()
    this.#scheduler.start()
  }

  stop(): Promise<void> {
    return this.#scheduler.stop()
  }

  latest(): Snapshot | undefined {
    return this.#latest
  }
  stale(): boolean {
    return isStale(this.#latest, this.#maxAgeMs, this.#clock.now())
  }
  hint(): void {
    this.#scheduler.hint()
  }
  readNow(signal?: AbortSignal): Promise<Snapshot> {
    return this.#scheduler.readNow(signal)
  }
  health(): RegistryHealth {
    return this.#report.health()
  }

  async #load(): Promise<void> {
    if (this.#latest !== undefined) return
    try {
      const bytes = await withDeadline('loading the last snapshot', KEEPER_TIMEOUT_MS, () => this.#keeper.load())
      if (bytes === undefined) return
      const stored = decodeSnapshot(this.#source.registryId, bytes, this.#clock.now())
      if (typeof stored === 'string') {
        this.#logger.warn('The stored registry snapshot is ignored', { reason: stored })
        return
      }
      this.#logger.info('Registry set loaded from disk', describe(stored))
      this.#report.measure(stored)
      this.#publish(stored)
    } catch (error) {
      this.#logger.error('The stored registry snapshot could not be read', { error: describeError(error) })
    }
  }

  async #read(signal: AbortSignal): Promise<Snapshot> {
    this.#report.began()
    try {
      const reading = await withDeadline(
        'registry read',
        this.#readTimeoutMs,
        (s) => this.#readChecked(s),
        signal,
      ).finally(() => this.#report.ended())
      const snapshot = freeze(reading, this.#clock.now())
      this.#report.succeeded(snapshot, reading.failures)
      // The gate first, the disk after: a slow disk must not keep a removed member connected.
      const before = this.#latest
      this.#knownTip = undefined
      this.#publish(snapshot)
      if (nameOf(before) !== nameOf(snapshot))
        this.#changeLog?.add(setChange(this.#source.registryId, before, snapshot, reading.evidence.endpoints))
      // Before the snapshot is stored: a change that a crash kept from being recorded is seen once more after it.
      await this.#changeLog?.flush()
      await this.#save(snapshot)
      return snapshot
    } catch (error) {
      if (signal.aborted) throw error
      const failure = this.#asReadError(error)
      const failures = Array.isArray(failure.data.failures) ? (failure.data.failures as EndpointFailure[]) : []
      this.#report.failed(failure.code, failure.message, failures, this.#latest)
      throw failure
    }
  }

  async #readChecked(signal: AbortSignal): Promise<Reading> {
    const reading = await this.#readContinuous(signal)
    const { state, tip } = reading
    // A contract can't become uninitialised again; whoever says so is on another chain, and would open the bootstrap (R6).
    if (state.kind === 'uninitialised' && (this.#hadSet || this.#latest?.kind === 'set'))
      throw new ReadError(
        'invalid_set',
        `the registry answers "uninitialised" at Stacks height ${tip.stacksHeight} after it had a set; check that [registry] endpoints are on the right chain (a new chain needs an empty data_dir)`,
        { fault: 'mixed_initialisation' },
      )
    if (state.kind === 'set' && state.principalMatch === 'differs' && nameOf(this.#latest) !== state.set.hash)
      this.#logger.warn(
        'The set on chain has a principal that is not its multisig; it can not be rotated by co-signing',
        {
          setHash: state.set.hash,
          principal: state.set.principal,
        },
      )
    return reading
  }

  async #readContinuous(signal: AbortSignal): Promise<Reading> {
    const found = await readRegistry(this.#source, signal)
    const applied = higherOf(this.#latest?.tip, this.#knownTip)
    const course = await courseAfter(this.#source, applied, found, signal)
    if (course === 'next' || applied === undefined) return found
    return { ...(await readRegistryAt(this.#source, applied, signal)), failures: found.failures }
  }

  #asReadError(error: unknown): ReadError {
    if (error instanceof ReadError) return error
    const cause = { cause: error }
    if (error instanceof DeadlineError)
      return new ReadError('timeout', `${error.message}; check the Stacks nodes of [registry] endpoints`, {}, cause)
    // A bug must neither end the watching nor shrink the set; it is told apart in the log.
    this.#logger.error('Reading the registry failed in an unforeseen way', { error: describeError(error) })
    return new ReadError('malformed_answer', 'the registry could not be read; the log says why', {}, cause)
  }

  #publish(snapshot: Snapshot): void {
    const changed = this.#latest === undefined || nameOf(this.#latest) !== nameOf(snapshot)
    this.#latest = snapshot
    if (!changed) return
    this.#logger.info('Registry snapshot applied', describe(snapshot))
    this.#emitter.emit(snapshot)
  }

  async #save(snapshot: Snapshot): Promise<void> {
    // R6: an uninitialised registry must be answered, never remembered.
    if (snapshot.kind !== 'set') return
    try {
      const bytes = encodeSnapshot(this.#source.registryId, snapshot)
      await withDeadline('saving the snapshot', KEEPER_TIMEOUT_MS, () => this.#keeper.save(bytes))
    } catch (error) {
      this.#logger.error('The registry snapshot could not be stored; a restart would fall back to an older one', {
        error: describeError(error),
      })
    }
  }
}

const higherOf = (a: ChainTip | undefined, b: ChainTip | undefined): ChainTip | undefined =>
  a === undefined || (b !== undefined && b.stacksHeight > a.stacksHeight) ? b : a

/** What a change is judged by: the set, or the fact that there is none. */
const nameOf = (snapshot: Snapshot | undefined): string | undefined =>
  snapshot?.kind === 'set' ? snapshot.set.hash : snapshot?.kind

function freeze({ state, tip, evidence }: Reading, readAtMs: number): Snapshot {
  const at = { tip: Object.freeze({ ...tip }), readAtMs, evidence }
  if (state.kind === 'set') return Object.freeze({ kind: 'set', set: state.set, ...at })
  return Object.freeze({ kind: 'uninitialised', deployer: state.deployer, ...at })
}

const describe = (snapshot: Snapshot) => ({
  kind: snapshot.kind,
  stacksHeight: snapshot.tip.stacksHeight,
  burnHeight: snapshot.tip.burnHeight,
  ...(snapshot.kind === 'set'
    ? { setHash: snapshot.set.hash, signers: snapshot.set.keys.length, threshold: snapshot.set.threshold }
    : {}),
})
