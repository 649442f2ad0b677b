export { type AdminCall, type AdminReply, adminCall } from '../status/index.ts'
export * from './config/index.ts'
export { type NodeInit, type RunningNode, startNode } from './node.ts'
export type { MemberStatus, NodeState, NodeStatus, RotationView } from './status.ts'
