import type { Connection, Stream, StreamHandler, Topology } from '@libp2p/interface'
import { describe, expect, it } from 'vitest'
import { GuardedRegistrar, type Registrar } from '../../../src/p2p/guarded-registrar.ts'
import { StreamGuard } from '../../../src/p2p/stream-guard.ts'
import { libp2pPeerId } from './hosts.ts'
import { keyPair, TestMetrics, TestRoles } from './kit.ts'

const member = keyPair('member').peerId
const stranger = keyPair('stranger').peerId

class FakeRegistrar implements Registrar {
  readonly handlers = new Map<string, StreamHandler>()
  readonly topologies: Topology[] = []
  async handle(protocol: string, handler: StreamHandler) {
    this.handlers.set(protocol, handler)
  }
  async register(_protocol: string, topology: Topology) {
    return String(this.topologies.push(topology))
  }
  async unhandle() {}
  unregister() {}
  getProtocols = () => []
  getTopologies = () => []
  getMiddleware = () => []
  use() {}
  unuse() {}
  getHandler(): never {
    throw new Error('not here')
  }
}

const connectionOf = (peer: string, newStream: Connection['newStream'] = () => new Promise(() => {})) =>
  ({ remotePeer: libp2pPeerId(peer), remoteAddr: { toString: () => '/ip4/127.0.0.1/tcp/1' }, newStream }) as Connection
const fakeStream = () => {
  const aborted: Error[] = []
  return { aborted, stream: { abort: (e: Error) => aborted.push(e) } as Partial<Stream> as Stream }
}

function bench() {
  const roles = new TestRoles(member)
  const metrics = new TestMetrics()
  const inner = new FakeRegistrar()
  const registrar = new GuardedRegistrar(inner, new StreamGuard(roles, metrics))
  return { roles, metrics, inner, registrar }
}

describe('guarded registrar', () => {
  it('should let a member reach a handler', async () => {
    const { registrar, inner } = bench()
    const served: string[] = []
    await registrar.handle('/x/1', (_s, c) => void served.push(c.remotePeer.toString()))
    await inner.handlers.get('/x/1')?.(fakeStream().stream, connectionOf(member))
    expect(served).toEqual([member])
  })
  it('should abort an inbound stream without right before any handler sees it, and count it', async () => {
    const { registrar, inner, metrics, roles } = bench()
    const served: string[] = []
    await registrar.handle('/x/1', () => void served.push('served'))
    const { stream, aborted } = fakeStream()
    await inner.handlers.get('/x/1')?.(stream, connectionOf(stranger))
    expect(served).toEqual([])
    expect(aborted).toMatchObject([{ code: 'NOT_ADMITTED' }])
    expect(metrics.count('p2p_streams_refused_total{not_in_registry}')).toBe(1)
    expect(roles.denials).toEqual([{ peer: stranger, reason: 'not_in_registry', where: 'stream' }])
  })
  it('R15: should not announce to gossip a peer that has no right to its streams', async () => {
    const { registrar, inner, roles } = bench()
    roles.withoutProtocol.set(member, '/meshsub/')
    const announced: string[] = []
    await registrar.register('/meshsub/1.2.0', { onConnect: (p) => void announced.push(p.toString()) })
    await inner.topologies[0]?.onConnect?.(libp2pPeerId(member), connectionOf(member))
    expect(announced).toEqual([])
    roles.withoutProtocol.clear()
    registrar.announce(libp2pPeerId(member), connectionOf(member))
    expect(announced).toEqual([member])
  })
  it('R15: should not open a gossip stream to a peer that lost the right after it was announced', async () => {
    const { registrar, roles } = bench()
    const connections: Connection[] = []
    await registrar.register('/meshsub/1.2.0', { onConnect: (_p, c) => void connections.push(c) })
    registrar.announce(libp2pPeerId(member), connectionOf(member))
    roles.members.clear()
    await expect(connections[0]?.newStream(['/meshsub/1.2.0'])).rejects.toMatchObject({ code: 'NOT_ADMITTED' })
  })
  it('should not let one peer that grants no stream keep gossip from the others', async () => {
    const { registrar } = bench()
    const connections: Connection[] = []
    await registrar.register('/meshsub/1.2.0', { onConnect: (_p, c) => void connections.push(c) })
    registrar.announce(libp2pPeerId(member), connectionOf(member))
    await expect(connections[0]?.newStream(['/meshsub/1.2.0'])).rejects.toMatchObject({ code: 'DEADLINE' })
  })
})
