import type { KeyPair } from '../../src/curve/index.ts'
import { type Client, connect } from '../../src/rpc/client/index.ts'
import { createS2Handlers } from '../../src/rpc/index.ts'
import { freshRun, type Home, type Running, type RunOptions } from '../unit/signer/s2/service-fixtures.ts'
import { type RpcNode, rpcNode } from './rpc-hosts.ts'

/** A secret service over a real store, behind a real host and server. */
export interface S2Node extends AsyncDisposable {
  readonly node: RpcNode
  readonly running: Running
  client(bridge: KeyPair): Promise<Client>
  stop(): Promise<void>
}

/** Each start is one: on a `home` that was used before, as after a restart. */
export async function s2Node(
  home: Home,
  bridges: readonly KeyPair[],
  options: RunOptions = {},
  init: Parameters<typeof rpcNode>[2] = {},
): Promise<S2Node> {
  const running = await freshRun(home, options)
  const handlers = createS2Handlers(running.service)
  const node = await rpcNode(
    bridges.map((b) => b.peerId),
    handlers,
    init,
  )
  const clients: Client[] = []
  const stop = async () => {
    await Promise.all(clients.map((c) => c.close()))
    await node.stop()
    await running.stop()
  }
  return {
    node,
    running,
    client: async (key) => {
      const client = await connect({ addresses: node.addresses, key })
      clients.push(client)
      return client
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
