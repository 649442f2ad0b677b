import { CodedError, fromUtf8, type HttpRequest, jsonAnswer } from '../base/index.ts'
import type { AdminRoute } from './admin-server.ts'
import type { HealthBoard } from './health.ts'
import type { PromMetrics } from './metrics.ts'

export interface ReadRoutesInit {
  readonly metrics: PromMetrics
  readonly health: HealthBoard
  /** What GET /status answers besides `health`, as JSON. */
  readonly status: () => Promise<Readonly<Record<string, unknown>>> | Readonly<Record<string, unknown>>
}

/** GET /status, /health (200 green, 503 red) and /metrics. */
export function readRoutes(init: ReadRoutesInit): readonly AdminRoute[] {
  return [
    get('/status', async () => jsonAnswer(200, { ...(await init.status()), health: init.health.health() })),
    get('/health', () => {
      const health = init.health.health()
      return jsonAnswer(health.ok ? 200 : 503, health)
    }),
    get('/metrics', async () => ({
      status: 200,
      body: await init.metrics.render(),
      contentType: init.metrics.contentType,
    })),
  ]
}

const get = (path: string, handler: AdminRoute['handler']): AdminRoute => ({
  method: 'GET',
  path,
  mutating: false,
  handler,
})

/** Body of an admin call: a JSON object. Throws `BAD_REQUEST`, which the server answers with 400. */
export function jsonBody(request: HttpRequest): Readonly<Record<string, unknown>> {
  const bad = (cause?: unknown) =>
    new CodedError('BAD_REQUEST', 'the body of this call must be a JSON object', {}, { cause })
  let value: unknown
  try {
    value = JSON.parse(fromUtf8(request.body))
  } catch (error) {
    throw bad(error)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad()
  return value as Readonly<Record<string, unknown>>
}
