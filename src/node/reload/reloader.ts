import {
  type Clock,
  CodedError,
  type Counter,
  DeadlineError,
  describeError,
  type Logger,
  type Metrics,
  type PublicKey,
  type Startable,
  withDeadline,
} from '../../base/index.ts'
import type { NodeConfig } from '../config/index.ts'
import { planReload } from './plan.ts'
import { isRefused, type ReloadReport, type ReloadResult, type ReloadTrigger, refusalText } from './report.ts'

/** A config is at most a mebibyte: a file system that takes longer hangs. */
const READ_TIMEOUT_MS = 5_000
/** One peer takes at most a second; they are closed side by side. */
const CLOSE_TIMEOUT_MS = 5_000

export interface ReloaderInit {
  /** What runs. */
  readonly config: NodeConfig
  /** Reads and checks the whole file; throws CodedErrors of the config room. */
  readonly load: (file: string) => Promise<NodeConfig>
  /** This node's key now; it may be another one than the config's after an own key rotation. */
  readonly self: () => PublicKey
  /** False: nothing can be applied just now. */
  readonly isReady?: () => boolean
  /** Puts the lists of a config to work. What it must not do half, it does before it first waits. */
  readonly apply: (next: NodeConfig) => Promise<void>
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
}

/** Takes over a changed config file, whole or not at all, and says what it did (incident 42). */
export class Reloader implements Startable {
  readonly #c: ReloaderInit
  readonly #logger: Logger
  readonly #counter: Counter<'result'>
  #config: NodeConfig
  #last: ReloadReport | undefined
  #applied: ReloadReport['appliedBefore'] = null
  #running = false
  #work: Promise<unknown> = Promise.resolve()
  #queued: Promise<ReloadReport> | undefined

  constructor(init: ReloaderInit) {
    this.#c = init
    this.#config = init.config
    this.#logger = init.logger.child('reload')
    this.#counter = init.metrics.counter('config_reloads_total', 'Reloads of the config file, by result', ['result'])
  }

  /** The config that runs, with the lists of the last reload. */
  get config(): NodeConfig {
    return this.#config
  }

  last(): ReloadReport | undefined {
    return this.#last
  }

  async start(): Promise<void> {
    this.#running = true
  }

  /** Waits for a reload under way; what is asked later is refused. */
  async stop(): Promise<void> {
    this.#running = false
    await this.#work
  }

  /**
   * Reads the file and applies it. One after the other; whoever asks while one waits for its turn shares it, because that
   * one has not read the file yet. Throws `NOT_RUNNING`; refusals are reports.
   */
  reload(trigger: ReloadTrigger): Promise<ReloadReport> {
    if (this.#queued !== undefined) return this.#queued
    const mine = this.#work.then(() => {
      this.#queued = undefined
      return this.#reload(trigger)
    })
    this.#queued = mine
    this.#work = Promise.allSettled([mine])
    return mine
  }

  async #reload(trigger: ReloadTrigger): Promise<ReloadReport> {
    this.#requireRunning()
    const read = await this.#read()
    // It may have been stopped while the file was read.
    this.#requireRunning()
    if ('refusal' in read) return this.#done(trigger, read.result, { refusals: [read.refusal] })
    const plan = planReload(this.#config, read.config, this.#c.self())
    if (plan.kind === 'refuse') return this.#done(trigger, 'needs_restart', { refusals: plan.refusals })
    if (plan.kind === 'unchanged') return this.#done(trigger, 'unchanged', {})
    await this.#apply(read.config)
    this.#config = read.config
    return this.#done(trigger, 'applied', { changes: plan.changes })
  }

  /** New decisions are made by the new lists from the first moment; only closing old connections takes time. */
  async #apply(config: NodeConfig): Promise<void> {
    try {
      await withDeadline('closing peers after a reload', CLOSE_TIMEOUT_MS, () => this.#c.apply(config))
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error
      this.#logger.error('The new lists are in force, but old connections did not close in time', {
        error: describeError(error),
      })
    }
  }

  #requireRunning(): void {
    if (!this.#running || this.#c.isReady?.() === false)
      throw new CodedError('NOT_RUNNING', 'the node is starting, stopping or changing its key: reload it when it runs')
  }

  async #read(): Promise<
    | { readonly config: NodeConfig }
    | { readonly result: ReloadResult; readonly refusal: ReloadReport['refusals'][number] }
  > {
    const { file } = this.#config
    try {
      return { config: await withDeadline(`reading ${file}`, READ_TIMEOUT_MS, () => this.#c.load(file)) }
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      const key = typeof error.data.key === 'string' ? error.data.key : ''
      const isReadable =
        error.code !== 'CONFIG_MISSING' && error.code !== 'CONFIG_UNREADABLE' && error.code !== 'DEADLINE'
      return { result: isReadable ? 'invalid' : 'unreadable', refusal: { key, reason: error.message } }
    }
  }

  #done(
    trigger: ReloadTrigger,
    result: ReloadResult,
    what: Partial<Pick<ReloadReport, 'changes' | 'refusals'>>,
  ): ReloadReport {
    const { file } = this.#config
    const report: ReloadReport = {
      result,
      trigger,
      atMs: this.#c.clock.now(),
      file,
      changes: [],
      refusals: [],
      ...what,
      appliedBefore: result === 'unchanged' ? this.#applied : null,
    }
    if (result === 'applied') this.#applied = { trigger, atMs: report.atMs, changes: report.changes }
    this.#counter.inc({ result })
    if (isRefused(report))
      this.#logger.warn('The config was not reloaded; the node goes on as before', {
        trigger,
        result,
        why: refusalText(report),
      })
    else if (result === 'applied') this.#logger.info('Config reloaded', { trigger, changes: report.changes })
    else this.#logger.debug('The config is unchanged', { trigger })
    // That nothing changed is news only after a refusal: the file was put right.
    if (result !== 'unchanged' || (this.#last !== undefined && isRefused(this.#last))) this.#last = report
    return report
  }

  /** For callers without anybody to answer to: a signal, a file. */
  async quietly(trigger: ReloadTrigger): Promise<void> {
    try {
      await this.reload(trigger)
    } catch (error) {
      this.#logger.warn('The config was not reloaded', { trigger, error: describeError(error) })
    }
  }
}
