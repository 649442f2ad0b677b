import type { Counter, Gauge, Metrics } from '../../base/index.ts'

export interface RpcMetrics {
  readonly requests: Counter<'method' | 'outcome'>
  readonly malformed: Counter<never>
  readonly streams: Gauge<never>
}

export function rpcMetrics(metrics: Metrics): RpcMetrics {
  return {
    requests: metrics.counter('rpc_requests_total', 'Requests answered, by method and outcome', ['method', 'outcome']),
    malformed: metrics.counter('rpc_malformed_frames_total', 'Frames that could not be read as a request'),
    streams: metrics.gauge('rpc_streams', 'Open rpc streams'),
  }
}
