import { adminCall, findNode, type NodeStatus } from '../../src/node/index.ts'

/**
 * GET /status of a node, asked by this process itself: a command for each look would cost more than the node that is looked
 * at. Rejects while no node answers.
 */
export async function statusOf(configFile: string): Promise<NodeStatus> {
  const { socketPath } = await findNode(configFile)
  return (await adminCall({ socketPath, method: 'GET', path: '/status' })).json as NodeStatus
}
