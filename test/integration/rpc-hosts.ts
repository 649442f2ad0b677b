import { accept, noMetrics, type PeerIdStr, refuse, silentLogger, systemClock } from '../../src/base/index.ts'
import { KeyPair } from '../../src/curve/index.ts'
import { createDialerHost, createP2pHost, type RoleCheck } from '../../src/p2p/index.ts'
import {
  createHelloHandler,
  createKeyHandlers,
  createRpcServer,
  createS2Handlers,
  createStatusHandlers,
  type Handlers,
  RPC_PROTOCOL,
  type RpcServerInit,
} from '../../src/rpc/index.ts'
import type { AuditLog } from '../../src/signer/index.ts'

export const LISTEN = { tcp: '/ip4/127.0.0.1/tcp/0', quic: '/ip4/127.0.0.1/udp/0/quic-v1' } as const

interface RpcNodeInit extends Partial<Pick<RpcServerInit, 'authorize' | 'limits' | 'takeQuota'>> {
  readonly key?: KeyPair
  readonly nextKey?: KeyPair
  readonly listen?: readonly string[]
  readonly frameTimeoutMs?: number
  readonly audit?: AuditLog
}

/** A signer node as far as rpc goes: a real host that admits `bridges`, and the server on it. */
export async function rpcNode(bridges: readonly PeerIdStr[], handlers: Partial<Handlers> = {}, init: RpcNodeInit = {}) {
  const key = init.key ?? KeyPair.generate()
  const admitted = new Set(bridges)
  const roles: RoleCheck = {
    mayConnect: (peer) => (admitted.has(peer) ? accept(undefined) : refuse('not_in_registry')),
    mayGossip: () => refuse('no_right_to_topic'),
    mayOpenStream: (peer, protocol) =>
      admitted.has(peer) && [RPC_PROTOCOL, '/ipfs/id/1.0.0'].includes(protocol)
        ? accept(undefined)
        : refuse('no_right_to_protocol'),
    denied() {},
  }
  const host = createP2pHost({
    keyPair: key,
    listen: init.listen ?? [LISTEN.tcp],
    transports: ['tcp', 'quic'],
    network: 'test',
    boot: 1,
    gossip: false,
    ...(init.frameTimeoutMs === undefined ? {} : { frameTimeoutMs: init.frameTimeoutMs }),
    roles,
    connectionGater: {
      denyInboundEncryptedConnection: (peer) => !roles.mayConnect(peer.toString() as PeerIdStr, 'inbound').ok,
    },
    logger: silentLogger,
    metrics: noMetrics,
  })
  const authorize = init.authorize ?? (() => 'granted' as const)
  const server = createRpcServer({
    streams: host.streams,
    authorize,
    handlers: {
      hello: createHelloHandler({
        authorize,
        roleOf: () => 'bridge',
        facts: () => ({
          peerId: key.peerId,
          publicKey: key.publicKey,
          nextPublicKey: init.nextKey?.publicKey,
          network: 'test',
          software: '0.1.0',
          waitingFor: [],
        }),
      }),
      ...createStatusHandlers(() => ({ waitingFor: [], policy: 'bridge', active: undefined })),
      ...createS2Handlers(undefined),
      ...createKeyHandlers(undefined),
      'threshold.public_key': async () => ({ publicKey: new Uint8Array(32).fill(7) }),
      'threshold.sign': async ({ digest }) => ({ signature: new Uint8Array(64).fill(digest[0] ?? 0) }),
      'threshold.sign_batch': async ({ items }) => ({
        signatures: items.map(({ digest }) => new Uint8Array(64).fill(digest[0] ?? 0)),
      }),
      ...handlers,
    },
    ...(init.audit === undefined ? {} : { audit: init.audit }),
    clock: systemClock,
    logger: silentLogger,
    metrics: noMetrics,
    ...(init.limits === undefined ? {} : { limits: init.limits }),
    ...(init.takeQuota === undefined ? {} : { takeQuota: init.takeQuota }),
  })
  await server.start()
  await host.start()
  const stop = async () => {
    await server.stop()
    await host.stop()
  }
  return { key, host, server, admitted, addresses: host.addresses(), stop, [Symbol.asyncDispose]: stop }
}
export type RpcNode = Awaited<ReturnType<typeof rpcNode>>

/** A stream of the protocol, for tests that write frames by hand. */
export async function rawClient(key: KeyPair, node: RpcNode) {
  const host = createDialerHost({ keyPair: key, transports: ['tcp'], logger: silentLogger, metrics: noMetrics })
  await host.start()
  host.keepConnected([{ peerId: node.key.peerId, addresses: node.addresses }])
  return {
    host,
    open: () => host.streams.open(node.key.peerId, RPC_PROTOCOL, 1 << 20),
    [Symbol.asyncDispose]: () => host.stop(),
  }
}
