import type { Clock, Gauge, Listenable, Metrics } from '../base/index.ts'
import { Emitter, noMetrics } from '../base/index.ts'

/** What a check says of itself. `reason` is a sentence for the operator. */
export interface CheckReport {
  readonly ok: boolean
  readonly reason?: string
}

/** One check as the board shows it. */
export interface HealthCheck {
  readonly name: string
  readonly ok: boolean
  readonly reason: string | undefined
  /** Unix ms of the last change between green and red. */
  readonly sinceMs: number
}

/** Green only when every check is. */
export interface Health {
  readonly ok: boolean
  /** Names of the red checks. */
  readonly red: readonly string[]
  readonly checks: readonly HealthCheck[]
}

export interface HealthBoardInit {
  readonly clock: Clock
  /** Checks that must report before the node may be green: what nobody has looked at is red. */
  readonly expected?: readonly string[]
  readonly metrics?: Metrics
  /** A report older than this is red, whatever it says. Default: reports don't age. */
  readonly maxAgeMs?: number
}

export const NOT_CHECKED_YET = 'not checked yet'

/** The node's health: named checks, each reported by the part that knows. */
export class HealthBoard {
  readonly #clock: Clock
  readonly #checks = new Map<string, HealthCheck>()
  readonly #changed = new Emitter<HealthCheck>()
  readonly #gauge: Gauge<'check'>
  readonly #maxAgeMs: number
  /** By the wall clock, which is told, and by the monotonic one, which ages it. */
  readonly #reported = new Map<string, { readonly atMs: number; readonly monotonicMs: number }>()

  constructor(init: HealthBoardInit) {
    this.#clock = init.clock
    this.#maxAgeMs = init.maxAgeMs ?? Number.POSITIVE_INFINITY
    const metrics = init.metrics ?? noMetrics
    this.#gauge = metrics.gauge('health_ok', '1 while this check is green, 0 while it is red', ['check'])
    for (const name of init.expected ?? []) this.report(name, { ok: false, reason: NOT_CHECKED_YET })
  }

  /** Told when a check turns green or red, not when only its reason changes. */
  get changed(): Listenable<HealthCheck> {
    return this.#changed
  }

  report(name: string, report: CheckReport): void {
    const before = this.#checks.get(name)
    const turned = before?.ok !== report.ok
    const check: HealthCheck = {
      name,
      ok: report.ok,
      reason: report.ok ? undefined : report.reason,
      sinceMs: turned || before === undefined ? this.#clock.now() : before.sinceMs,
    }
    this.#checks.set(name, check)
    this.#reported.set(name, { atMs: this.#clock.now(), monotonicMs: this.#clock.monotonicMs() })
    this.#gauge.set({ check: name }, report.ok ? 1 : 0)
    if (turned) this.#changed.emit(check)
  }

  /** Incident 41: a node that looks no more must not stay as green as it last was. */
  #aged(check: HealthCheck): HealthCheck {
    const reported = this.#reported.get(check.name)
    if (!check.ok || reported === undefined) return check
    const { atMs, monotonicMs } = reported
    const ageMs = this.#clock.monotonicMs() - monotonicMs
    if (ageMs <= this.#maxAgeMs) return check
    return { ...check, ok: false, reason: `not looked at for ${Math.round(ageMs / 1000)} s`, sinceMs: atMs }
  }

  health(): Health {
    const checks = [...this.#checks.values()].map((c) => this.#aged(c))
    const red = checks.filter((c) => !c.ok).map((c) => c.name)
    return { ok: red.length === 0, red, checks }
  }
}
