import type { NodeInit, RunningNode } from './node.ts'

export { type AdminCall, type AdminReply, adminCall } from '../status/index.ts'
export * from './config/index.ts'
export type { MemberStatus } from './member-status.ts'
export { makeSeed, type NewSeed, newSeed, type SeedPlaces } from './new-seed.ts'
export type { NodeInit, RunningNode } from './node.ts'
export type { RecallView, ReplacedView } from './recall-view.ts'
export type { RotationView } from './rotation-view.ts'
export type { NodeState, NodeStatus } from './status.ts'

/**
 * Loaded when it is called: commands that only read a config must not load the network stack. See `NodeInit`.
 * Throws as `startNode` of node.ts, and `LISTEN_FAILED`.
 */
export async function startNode(init: NodeInit): Promise<RunningNode> {
  const { startNode: start } = await import('./node.ts')
  try {
    return await start(init)
  } catch (error) {
    const { asListenFailed } = await import('./listen-failed.ts')
    throw asListenFailed(error, init.config)
  }
}
