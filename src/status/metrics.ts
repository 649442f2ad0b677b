import { Counter, Gauge, Registry } from 'prom-client'
import { CodedError, type Metrics } from '../base/index.ts'

/** All series carry it, so that one Prometheus can tell them from everybody else's. */
export const METRIC_PREFIX = 'countersign_'

/** One series of a metric: its labels and its number. */
export interface MetricValue {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

type Kind = 'counter' | 'gauge'
/** A metric as somebody registered it; `name` with its prefix. */
export interface MetricShape {
  readonly name: string
  readonly kind: Kind
  readonly labels: readonly string[]
  readonly help: string
}
interface Entry {
  readonly kind: Kind
  readonly help: string
  readonly labels: readonly string[]
  readonly metric: Counter<string> | Gauge<string>
}

/** Labels that are counted at once; closed lists of ours are shorter. */
const MAX_FROZEN = 1_024

/**
 * Counts by labels that are frozen, so that they are told by their object alone until somebody looks: to read labels and find
 * their series costs more than a whole small request.
 */
class FrozenCounts {
  readonly #counts = new Map<Readonly<Record<string, string>>, { readonly metric: Counter<string>; sum: number }>()

  add(metric: Counter<string>, labels: Readonly<Record<string, string>>, by: number): void {
    const count = this.#counts.get(labels)
    if (count?.metric === metric) {
      count.sum += by
      return
    }
    // The same labels of another metric, or too many.
    if (count !== undefined || this.#counts.size >= MAX_FROZEN) this.flush()
    this.#counts.set(labels, { metric, sum: by })
  }

  flush(): void {
    for (const [labels, count] of this.#counts) if (count.sum > 0) count.metric.inc({ ...labels }, count.sum)
    this.#counts.clear()
  }
}

const NAME = /^[a-z][a-z0-9_]*$/

/**
 * The metrics port over prom-client, with a registry of its own: two nodes in one process (tests, the devnet) never share
 * series. Asking twice for one metric gives the same one; asking for it with another shape is a bug and throws `METRIC_CLASH`.
 */
export class PromMetrics implements Metrics {
  /** Of what `render` returns. */
  readonly contentType: string
  readonly #registry = new Registry()
  readonly #entries = new Map<string, Entry>()
  readonly #frozen = new FrozenCounts()

  constructor() {
    this.contentType = this.#registry.contentType
  }

  counter<L extends string = never>(name: string, help: string, labels: readonly L[] = []) {
    const metric = this.#metric('counter', name, help, labels)
    return {
      inc: (of: Readonly<Record<L, string>>, by = 1) => {
        if (Object.isFrozen(of)) this.#frozen.add(metric, of, by)
        else metric.inc(of, by)
      },
    }
  }

  gauge<L extends string = never>(name: string, help: string, labels: readonly L[] = []) {
    const metric = this.#metric('gauge', name, help, labels) as Gauge<string>
    return { set: (of: Readonly<Record<L, string>>, value: number) => metric.set(of, value) }
  }

  /** Every metric that was registered, by name. */
  shapes(): readonly MetricShape[] {
    return [...this.#entries]
      .map(([name, { kind, labels, help }]) => ({ name: METRIC_PREFIX + name, kind, labels, help }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Prometheus text format. */
  render(): Promise<string> {
    this.#frozen.flush()
    return this.#registry.metrics()
  }

  /** Series of one metric, by the name its room gave it; empty if nobody made it. */
  async values(name: string): Promise<readonly MetricValue[]> {
    const entry = this.#entries.get(name)
    if (entry === undefined) return []
    this.#frozen.flush()
    const { values } = await entry.metric.get()
    return values.map(({ labels, value }) => ({
      labels: Object.fromEntries(Object.entries(labels).map(([k, v]) => [k, String(v)])),
      value,
    }))
  }

  #metric(kind: Kind, name: string, help: string, labels: readonly string[]): Counter<string> | Gauge<string> {
    const known = this.#entries.get(name)
    if (known !== undefined) {
      if (known.kind === kind && known.labels.join() === labels.join()) return known.metric
      throw new CodedError('METRIC_CLASH', `metric ${name} exists already with another type or other labels`)
    }
    if (!NAME.test(name)) throw new CodedError('METRIC_NAME', `${JSON.stringify(name)} is not a metric name`)
    const init = { name: METRIC_PREFIX + name, help, labelNames: [...labels], registers: [this.#registry] }
    const metric = kind === 'counter' ? new Counter(init) : new Gauge(init)
    this.#entries.set(name, { kind, help, labels: [...labels], metric })
    return metric
  }
}
