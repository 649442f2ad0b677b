/** Label values come from closed lists of ours, never from a peer: series can't be grown from outside. */
export interface Counter<L extends string> {
  inc(labels: Readonly<Record<L, string>>, by?: number): void
}
export interface Gauge<L extends string> {
  set(labels: Readonly<Record<L, string>>, value: number): void
}

/** Port to the metrics registry (implemented by the status room). Names end in their unit (`_total`, `_seconds`, `_bytes`). */
export interface Metrics {
  counter<L extends string = never>(name: string, help: string, labels?: readonly L[]): Counter<L>
  gauge<L extends string = never>(name: string, help: string, labels?: readonly L[]): Gauge<L>
}

export const noMetrics: Metrics = {
  counter: () => ({ inc() {} }),
  gauge: () => ({ set() {} }),
}
