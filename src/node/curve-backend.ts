import type { Logger, Metrics } from '../base/index.ts'
import type { CurveChoice } from '../curve/index.ts'

/** Which curve arithmetic this process computes with; `fallback` says why it is the slow one. */
export interface CurveView {
  readonly backend: CurveChoice['curve']['name']
  readonly fallback: string | null
}

export const curveView = ({ curve, fallback }: CurveChoice): CurveView => ({
  backend: curve.name,
  fallback: fallback ?? null,
})

/** Once, at start. The slow backend is no reason to stay down, and one to be told: rounds of large sets take seconds with it. */
export function announceCurve(choice: CurveChoice, metrics: Metrics, logger: Logger): void {
  const { backend, fallback } = curveView(choice)
  const gauge = metrics.gauge('curve_backend', '1 for the curve arithmetic in use', ['backend'])
  for (const name of ['native', 'noble'] as const) gauge.set({ backend: name }, name === backend ? 1 : 0)
  const { ownBuild } = choice
  if (fallback === null) logger.info('curve backend', { backend, ...(ownBuild === undefined ? {} : { ownBuild }) })
  else logger.warn('curve backend: slow fallback', { backend, reason: fallback })
}
