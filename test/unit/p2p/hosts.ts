import { peerIdFromString } from '@libp2p/peer-id'
import type { Listenable, PeerIdStr } from '../../../src/base/index.ts'
import type { KeyPair } from '../../../src/curve/index.ts'
import {
  type ConnectionGater,
  createP2pHost,
  type P2pHost,
  type P2pHostInit,
  type Transport,
} from '../../../src/p2p/index.ts'
import { logger, NETWORK, TestMetrics, TestRoles } from './kit.ts'

export const LISTEN: Readonly<Record<Transport, string>> = {
  tcp: '/ip4/127.0.0.1/tcp/0',
  quic: '/ip4/127.0.0.1/udp/0/quic-v1',
}

/** The least gater: whoever the roles don't let connect is denied once its identity is proven. */
export const gaterOf = (roles: TestRoles): ConnectionGater => {
  const deny = (direction: 'inbound' | 'outbound') => (peer: { toString(): string }) => {
    const id = peer.toString() as PeerIdStr
    const answer = roles.mayConnect(id)
    if (!answer.ok) roles.denied(id, answer.reason, direction === 'inbound' ? 'connection' : 'dial')
    return !answer.ok
  }
  return { denyInboundEncryptedConnection: deny('inbound'), denyOutboundEncryptedConnection: deny('outbound') }
}

export interface TestHost {
  readonly key: KeyPair
  readonly host: P2pHost
  readonly roles: TestRoles
  readonly metrics: TestMetrics
}

let boots = 1_700_000_000_000

export function makeHost(
  key: KeyPair,
  members: readonly PeerIdStr[],
  transports: readonly Transport[],
  listen: readonly string[] = transports.map((t) => LISTEN[t]),
  extra: Partial<P2pHostInit> = {},
): TestHost {
  const roles = new TestRoles(...members)
  const metrics = new TestMetrics()
  const host = createP2pHost({
    keyPair: key,
    listen,
    transports,
    network: NETWORK,
    boot: boots++,
    roles,
    connectionGater: gaterOf(roles),
    logger,
    metrics,
    ...extra,
  })
  return { key, host, roles, metrics }
}

/** Tells every host of every other and waits until each is connected to all. */
export async function connectAll(hosts: readonly TestHost[]): Promise<void> {
  for (const { host } of hosts)
    host.keepConnected(
      hosts.filter((o) => o.host !== host).map((o) => ({ peerId: o.host.peerId, addresses: o.host.addresses() })),
    )
  await until('all are connected', () =>
    hosts.every(({ host }) => new Set(host.connections().map((c) => c.peerId)).size === hosts.length - 1),
  )
}

/** Waits for a condition that no event announces. */
export const until = (what: string, condition: () => boolean): Promise<void> =>
  untilAsync(what, async () => condition())

export async function untilAsync(what: string, condition: () => Promise<boolean>): Promise<void> {
  const timeoutMs = 30_000
  const end = Date.now() + timeoutMs
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export const next = <T>(event: Listenable<T>, matches: (value: T) => boolean = () => true): Promise<T> =>
  new Promise((resolve) => {
    const off = event.on((value) => {
      if (!matches(value)) return
      off()
      resolve(value)
    })
  })

export const libp2pPeerId = (peer: string) => peerIdFromString(peer)
