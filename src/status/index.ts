export { type AdminCall, type AdminReply, adminCall } from './admin-client.ts'
export { type AdminRoute, AdminServer, type AdminServerInit } from './admin-server.ts'
export {
  type CheckReport,
  type Health,
  HealthBoard,
  type HealthBoardInit,
  type HealthCheck,
  NOT_CHECKED_YET,
} from './health.ts'
export { METRIC_PREFIX, type MetricShape, type MetricValue, PromMetrics } from './metrics.ts'
export { jsonBody, type ReadRoutesInit, readRoutes } from './routes.ts'
export { checkSocketPath, MAX_SOCKET_PATH_BYTES } from './socket-path.ts'
export { readTokenFile } from './token-file.ts'
