import { type Cancel, type Clock, describeError, type Logger, type Metrics, type Startable } from '../base/index.ts'

export interface LookLoopInit {
  readonly intervalMs: number
  /** What comes without an event, in this order. One that throws hinders neither the others nor the next look. */
  readonly looks: readonly (() => void)[]
  readonly clock: Clock
  /** Never set back; milliseconds. */
  readonly monotonicMs?: () => number
  readonly logger: Logger
  readonly metrics: Metrics
}

/** Looks at regular intervals at everything that no event announces: age, health, certificates. */
export class LookLoop implements Startable {
  readonly #c: LookLoopInit
  readonly #monotonicMs: () => number
  readonly #gauge
  #cancel: Cancel = () => {}
  #dueAtMs: number | undefined
  #lagMs = 0

  constructor(init: LookLoopInit) {
    this.#c = init
    this.#monotonicMs = init.monotonicMs ?? (() => performance.now())
    this.#gauge = init.metrics.gauge('event_loop_lag_seconds', 'By how much the last regular look was late')
  }

  /** By how much the last look was late: the event loop was kept from its timers. */
  lagMs(): number {
    return this.#lagMs
  }

  async start(): Promise<void> {
    this.#look()
  }
  async stop(): Promise<void> {
    this.#cancel()
    this.#dueAtMs = undefined
  }

  #look(): void {
    const nowMs = this.#monotonicMs()
    this.#lagMs = Math.max(0, nowMs - (this.#dueAtMs ?? nowMs))
    this.#gauge.set({}, this.#lagMs / 1000)
    for (const look of this.#c.looks) {
      try {
        look()
      } catch (error) {
        this.#c.logger.error('A regular look failed', { error: describeError(error) })
      }
    }
    this.#dueAtMs = this.#monotonicMs() + this.#c.intervalMs
    this.#cancel = this.#c.clock.after(this.#c.intervalMs, () => this.#look())
  }
}
