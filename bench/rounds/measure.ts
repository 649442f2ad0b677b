/** CPU of this process in ms: on a shared machine the clock on the wall measures the neighbours. */
export function cpuMs(run: () => unknown): number {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN

/** Both in turns, so that what disturbs the machine disturbs both; medians in ms. One run of each goes before, unmeasured. */
export function inTurns(
  runs: { readonly ours: number; readonly baseline: number },
  ours: () => unknown,
  baseline: () => unknown,
): { ours: number; baseline: number } {
  ours()
  if (runs.baseline > 1) baseline()
  const taken: { ours: number[]; baseline: number[] } = { ours: [], baseline: [] }
  for (let i = 0; i < Math.max(runs.ours, runs.baseline); i++) {
    if (i < runs.ours) taken.ours.push(cpuMs(ours))
    if (i < runs.baseline) taken.baseline.push(cpuMs(baseline))
  }
  return { ours: median(taken.ours), baseline: median(taken.baseline) }
}
