export {
  createHelloHandler,
  createStatusHandlers,
  type HelloInit,
  type NodeFacts,
  type StatusFacts,
} from './handlers/hello.ts'
export { createKeyHandlers } from './handlers/keys.ts'
export { createS2Handlers } from './handlers/s2.ts'
export { createThresholdHandlers } from './handlers/threshold.ts'
export { SERVER_LIMITS } from './limits.ts'
export { createQuota, DEFAULT_DAILY, DEFAULT_QUOTAS, dailyName, perDay, QUOTA_NAMES, type Quota } from './quota.ts'
export { createRpcServer } from './server.ts'
export type * from './types.ts'
