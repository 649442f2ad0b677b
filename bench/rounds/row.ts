/** One line of the report: what a step costs us, beside the same step of the baseline in the same process. */
export interface Row {
  readonly name: string
  readonly unit: string
  readonly ours: number
  readonly baseline?: number
  /** At most, in `unit`; for throughput (`atLeast`) at least. */
  readonly target?: number
  /** At most this part of the baseline; for throughput (`atLeast`) at least. */
  readonly targetRatio?: number
  readonly atLeast?: boolean
}

/** What a section of the benchmark gives, row by row where it takes long; each runs alone, in the order of `rounds.ts`. */
export type Section = () => readonly Row[] | Promise<readonly Row[]> | AsyncIterable<Row>

export function lineOf(row: Row): string {
  const { ours, baseline, target, targetRatio, unit } = row
  const ratio = baseline === undefined ? undefined : ours / baseline
  const parts = [`${row.name.padEnd(44)} ${shown(ours)} ${unit}`]
  if (target !== undefined)
    parts.push(`target ${row.atLeast ? '≥' : '≤'} ${target} ${met(row.atLeast ? ours >= target : ours <= target)}`)
  if (baseline !== undefined) parts.push(`baseline ${shown(baseline)} ${unit}`)
  if (ratio !== undefined) parts.push(`${ratio.toFixed(3)}×`)
  if (ratio !== undefined && targetRatio !== undefined)
    parts.push(
      `target ${row.atLeast ? '≥' : '≤'} ${targetRatio}× ${met(row.atLeast ? ratio >= targetRatio : ratio <= targetRatio)}`,
    )
  return parts.join('; ')
}

const shown = (n: number): string => n.toFixed(n < 10 ? 2 : n < 100 ? 1 : 0).padStart(6)
const met = (ok: boolean): string => (ok ? '(met)' : '(MISSED)')
