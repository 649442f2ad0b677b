/** Our own two sides: a signer node's host and rpc server, and the client library. */
import { accept, noMetrics, refuse, silentLogger, systemClock } from '../../src/base/index.ts'
import { KeyPair } from '../../src/curve/index.ts'
import { createDialerHost, createP2pHost, type FrameStream, type RoleCheck } from '../../src/p2p/index.ts'
import { connect } from '../../src/rpc/client/index.ts'
import { createRpcServer, decodeServerFrame, encodeRequest, RPC_PROTOCOL } from '../../src/rpc/index.ts'
import { PromMetrics } from '../../src/status/index.ts'
import { METHOD, methodHandlers, PARAMS, TIMEOUT_MS } from './method.ts'

const LISTEN = ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/udp/0/quic-v1']
const MAY_SPEAK = new Set([RPC_PROTOCOL, '/ipfs/id/1.0.0', '/ipfs/id/push/1.0.0'])
const ROLES: RoleCheck = {
  mayConnect: () => accept(undefined),
  mayGossip: () => refuse('no_right_to_topic'),
  mayOpenStream: (_peer, protocol) => (MAY_SPEAK.has(protocol) ? accept(undefined) : refuse('no_right_to_protocol')),
  denied() {},
}

/** Addresses: TCP, then QUIC. */
export async function serveOwn(): Promise<readonly string[]> {
  const keyPair = KeyPair.generate()
  const host = createP2pHost({
    keyPair,
    listen: LISTEN,
    transports: ['tcp', 'quic'],
    network: 'bench',
    boot: 1,
    gossip: false,
    roles: ROLES,
    connectionGater: {},
    logger: silentLogger,
    metrics: new PromMetrics(),
  })
  const server = createRpcServer({
    streams: host.streams,
    authorize: () => 'granted',
    handlers: methodHandlers(keyPair),
    clock: systemClock,
    logger: silentLogger,
    metrics: new PromMetrics(),
  })
  await server.start()
  await host.start()
  const by = (transport: string) => host.addresses().find((a) => a.includes(transport)) ?? ''
  return [by('/tcp/'), by('/quic-v1/')]
}

/** One call of the client library. */
export async function connectOwn(address: string): Promise<() => Promise<unknown>> {
  const client = await connect({ addresses: [address], key: KeyPair.generate() })
  return () => client[METHOD]()
}

/** One call as a simple client makes it: a stream of its own, half closed after the request. */
export async function connectPerStream(address: string): Promise<() => Promise<unknown>> {
  const peerId = address.replace(/^.*\/p2p\//, '') as KeyPair['peerId']
  const host = createDialerHost({
    keyPair: KeyPair.generate(),
    transports: ['tcp'],
    logger: silentLogger,
    metrics: noMetrics,
  })
  await host.start()
  host.keepConnected([{ peerId, addresses: [address] }])
  return async () => {
    const stream: FrameStream = await host.streams.open(peerId, RPC_PROTOCOL, 1 << 16)
    await stream.write(encodeRequest(1, METHOD, PARAMS, TIMEOUT_MS))
    const closing = stream.close()
    const bytes = await stream.read()
    if (bytes === undefined || decodeServerFrame(bytes).kind !== 'result') throw new Error('no answer')
    await closing
  }
}
