export { createHelloHandler, createThresholdHandlers, type HelloInit, type NodeFacts } from './handlers.ts'
export { createQuota, SERVER_LIMITS } from './limits.ts'
export { createRpcServer } from './server.ts'
export type * from './types.ts'
