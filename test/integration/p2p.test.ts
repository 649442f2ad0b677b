import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, describe, expect, it } from 'vitest'
import { LIMITS, type PeerIdStr, utf8 } from '../../src/base/index.ts'
import type { KeyPair } from '../../src/curve/index.ts'
import {
  createDialerHost,
  type Envelope,
  type FrameStream,
  isGossipProtocol,
  openEnvelope,
  type Transport,
  topicName,
} from '../../src/p2p/index.ts'
import { connectAll, makeHost, next, type TestHost, until, untilAsync } from '../unit/p2p/hosts.ts'
import { keyPair, logger, ROUND, TestMetrics, TOPIC } from '../unit/p2p/kit.ts'
import { rawNode } from '../unit/p2p/raw-node.ts'

const running: { stop(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((h) => h.stop()))
})

async function start(
  key: KeyPair,
  members: readonly PeerIdStr[],
  transports: readonly Transport[],
  listen?: readonly string[],
): Promise<TestHost> {
  const made = makeHost(key, members, transports, listen)
  running.push(made.host)
  await made.host.start()
  return made
}
/** Members that know each other, listening to TOPIC; `heard[i]` is what the i-th heard. */
async function members<const N extends readonly string[]>(names: N, transport: Transport) {
  const keys = names.map(keyPair)
  const ids = keys.map((k) => k.peerId)
  const hosts = await Promise.all(keys.map((k) => start(k, ids, [transport])))
  const heard = hosts.map(listen)
  return { hosts: hosts as { [K in keyof N]: TestHost }, heard: heard as { [K in keyof N]: Envelope[] } }
}
function listen({ host }: TestHost): Envelope[] {
  const heard: Envelope[] = []
  host.messenger.join(TOPIC, (envelope) => {
    heard.push(envelope)
    return 'accept'
  })
  return heard
}

let attempt = 0
const say = (text: string) => ({ round: ROUND, attempt: attempt++, step: 'test', payload: utf8(text) })
const texts = (heard: readonly Envelope[]): string[] => heard.map((e) => new TextDecoder().decode(e.payload))
/** Says a text in new envelopes until it was heard (R14: a resend is a new envelope). */
const sayUntilHeard = (from: TestHost, text: string, ...at: readonly Envelope[][]): Promise<void> =>
  untilAsync(`heard: ${text}`, async () => {
    await from.host.messenger.publish(TOPIC, say(text))
    return at.every((heard) => texts(heard).includes(text))
  })
const peersOf = ({ host }: TestHost): Set<PeerIdStr> => new Set(host.connections().map((c) => c.peerId))
const listenAgain = ({ host }: TestHost): string[] => host.addresses().map((a) => a.replace(/\/p2p\/.*$/, ''))

describe.each<Transport>(['tcp', 'quic'])('p2p host over %s', (transport) => {
  it('should gossip to all, and never to itself', async () => {
    const { hosts, heard } = await members(['a', 'b', 'c', 'd'], transport)
    await connectAll(hosts)
    await sayUntilHeard(hosts[0], 'hello', heard[1], heard[2], heard[3])
    expect(heard[0]).toEqual([])
    expect(heard[1][0]).toMatchObject({ author: hosts[0].key.publicKey, topic: TOPIC, via: 'gossip' })
    expect(hosts[0].host.connections().every((c) => c.transport === transport)).toBe(true)
  })

  it('should forward where two members have no link of their own', async () => {
    const { hosts, heard } = await members(['a', 'b', 'c'], transport)
    const [a, b, c] = hosts
    for (const { host } of [a, b]) host.keepConnected([{ peerId: c.host.peerId, addresses: c.host.addresses() }])
    await until('both are connected to c', () => peersOf(c).size === 2)
    await sayUntilHeard(a, 'by way of c', heard[1])
    expect(peersOf(a)).toEqual(new Set([c.host.peerId]))
  })

  it('should send to one member only, acknowledged', async () => {
    const { hosts, heard } = await members(['a', 'b', 'c'], transport)
    await connectAll(hosts)
    const sent = await hosts[0].host.messenger.send(hosts[1].key.publicKey, TOPIC, say('for b'))
    expect(heard[1]).toMatchObject([{ counter: sent.counter, via: 'direct', wire: sent.wire }])
    expect(heard[2]).toEqual([])
  })
  it('should say that a member is unreachable', async () => {
    const { hosts } = await members(['a', 'b'], transport)
    const sending = hosts[0].host.messenger.send(hosts[1].key.publicKey, TOPIC, say('for b'))
    await expect(sending).rejects.toMatchObject({ code: 'UNREACHABLE' })
  })

  it('should refuse a stranger that dials, whose dial may seem to succeed', async () => {
    const { hosts } = await members(['a', 'b'], transport)
    const stranger = await start(keyPair('s'), [hosts[0].host.peerId], [transport])
    const opened: unknown[] = []
    hosts[0].host.connectionOpened.on((c) => opened.push(c))
    stranger.host.keepConnected([{ peerId: hosts[0].host.peerId, addresses: hosts[0].host.addresses() }])
    await until('it was denied', () => hosts[0].roles.denials.length > 0)
    expect(hosts[0].roles.denials[0]).toEqual({
      peer: stranger.host.peerId,
      reason: 'not_in_registry',
      where: 'connection',
    })
    const sending = stranger.host.messenger.send(hosts[0].key.publicKey, TOPIC, say('hello'))
    await expect(sending).rejects.toMatchObject({ code: expect.stringMatching(/UNREACHABLE|DEADLINE/) })
    expect(opened).toEqual([])
    expect(peersOf(hosts[0]).size).toBe(0)
  })
  it('should not dial whom the roles do not know', async () => {
    const { hosts } = await members(['a', 'b'], transport)
    hosts[0].roles.members.delete(hosts[1].host.peerId)
    hosts[0].host.keepConnected([{ peerId: hosts[1].host.peerId, addresses: hosts[1].host.addresses() }])
    await until('the dial was denied', () => hosts[0].roles.denials.some((d) => d.where === 'dial'))
    expect(hosts[1].roles.denials).toEqual([])
  })
  it('should not take another peer for the one it dials', async () => {
    const { hosts } = await members(['a', 'b'], transport)
    const [a, b] = hosts
    const c = keyPair('c')
    a.roles.members.add(c.peerId)
    a.host.keepConnected([{ peerId: c.peerId, addresses: listenAgain(b) }])
    await until('dials fail', () => a.metrics.count('p2p_dials_total{failed}') > 1)
    expect(peersOf(a).size).toBe(0)
  })

  it('should close a removed member within a second, both ways, and hear it no more', async () => {
    const { hosts, heard } = await members(['a', 'b', 'c'], transport)
    const [a, b, c] = hosts
    await connectAll(hosts)
    await sayUntilHeard(b, 'before', heard[0], heard[2])
    const closed = Promise.all([
      next(a.host.connectionClosed, (i) => i.peerId === b.host.peerId),
      next(b.host.connectionClosed, (i) => i.peerId === a.host.peerId),
    ])
    const startedMs = performance.now()
    a.roles.members.delete(b.host.peerId)
    const { closedConnections } = await a.host.closePeer(b.host.peerId)
    expect(performance.now() - startedMs).toBeLessThan(1_000)
    await closed
    expect(closedConnections).toBeGreaterThan(0)
    expect(peersOf(a)).toEqual(new Set([c.host.peerId]))
    // b redials, and c forwards what b says: neither comes through.
    await until('b was refused', () => a.roles.denials.some((d) => d.where === 'connection'))
    await sayUntilHeard(b, 'after', heard[2])
    await until('a has seen it', () => a.roles.denials.some((d) => d.where === 'gossip' && d.peer === b.host.peerId))
    expect(texts(heard[0])).not.toContain('after')
    expect(peersOf(a)).toEqual(new Set([c.host.peerId]))
  })
  it('should close nothing where nothing is open', async () => {
    const { hosts } = await members(['a', 'b'], transport)
    expect(await hosts[0].host.closePeer(hosts[1].host.peerId)).toEqual({ closedConnections: 0 })
  })

  it('should find a member again that was restarted, and gossip with it', async () => {
    const { hosts, heard } = await members(['a', 'b'], transport)
    const [a, b] = hosts
    await connectAll(hosts)
    await sayUntilHeard(a, 'first', heard[1])
    const [where, ids] = [listenAgain(b), [a.host.peerId, b.host.peerId]]
    await b.host.stop()
    await until('the loss is noticed', () => peersOf(a).size === 0)
    const again = await start(b.key, ids, [transport], where)
    const heardAgain = listen(again)
    await until('a is back', () => peersOf(again).has(a.host.peerId))
    await sayUntilHeard(a, 'second', heardAgain)
    await sayUntilHeard(again, 'third', heard[0])
  })
  it('should start again after a stop, with its topics and protocols', async () => {
    const { hosts, heard } = await members(['a', 'b'], transport)
    const [a, b] = hosts
    await b.host.stop()
    await b.host.start()
    await connectAll(hosts)
    await sayUntilHeard(a, 'again', heard[1])
    await a.host.messenger.send(b.key.publicKey, TOPIC, say('directly'))
    expect(texts(heard[1])).toContain('directly')
  })

  it('should go on gossiping over the other connection when one of two closes', async () => {
    const raw = keyPair('raw')
    const { hosts } = await members(['a', 'b'], transport)
    const [a] = hosts
    a.roles.members.add(raw.peerId)
    const node = await rawNode(raw, a.host.addresses(), transport)
    running.push({ stop: async () => node.libp2p.stop() })
    const heard: string[] = []
    node.gossip.subscribe(topicName(TOPIC))
    node.gossip.addEventListener('message', ({ detail }) =>
      heard.push(new TextDecoder().decode(openEnvelope(TOPIC, detail.data)?.payload)),
    )
    const say2 = async (text: string) => {
      await a.host.messenger.publish(TOPIC, say(text))
      return heard.includes(text)
    }
    await untilAsync('the first word is heard', () => say2('one connection'))
    await node.libp2p.dial(
      a.host.addresses().map((m) => multiaddr(m)),
      { force: true },
    )
    await until('there are two', () => a.host.connections().length === 2)
    const speaks = (c: Connection) => c.streams.some((s) => s.direction === 'inbound' && isGossipProtocol(s.protocol))
    const speaking = node.libp2p.getConnections().filter(speaks)
    expect(speaking).toHaveLength(1)
    await speaking[0]?.close()
    await until('there is one', () => a.host.connections().length === 1)
    await untilAsync('the last word is heard', () => say2('the other connection'))
  })

  it('should hold no more connections of one peer than it needs, and go on with the first of them', async () => {
    const key = keyPair('greedy')
    const a = await start(keyPair('a'), [key.peerId], [transport])
    const opened: unknown[] = []
    const closed: unknown[] = []
    a.host.connectionOpened.on((c) => opened.push(c))
    a.host.connectionClosed.on((c) => closed.push(c))
    const raw = await rawNode(key, a.host.addresses(), transport)
    running.push({ stop: async () => raw.libp2p.stop() })
    const first = raw.libp2p.getConnections().map((c) => c.id)
    const target = a.host.addresses().map((address) => multiaddr(address))
    // One at a time, so that it is known which are the newest. The dial resolves before its refusal arrives, or fails with it.
    for (let i = 0; i < 7; i++) await Promise.allSettled([raw.libp2p.dial(target, { force: true })])
    const { maxConnectionsPerPeer } = LIMITS
    await until('the rest is gone', () => raw.libp2p.getConnections().length === maxConnectionsPerPeer)
    expect(a.host.connections()).toHaveLength(maxConnectionsPerPeer)
    expect(a.metrics.count('p2p_connections_over_cap_total{}')).toBe(8 - maxConnectionsPerPeer)
    expect(raw.libp2p.getConnections().map((c) => c.id)).toEqual(expect.arrayContaining(first))
    // What was never open to the others of the house does not close for them either.
    expect([opened.length, closed.length]).toEqual([maxConnectionsPerPeer, 0])

    for (const connection of raw.libp2p.getConnections().slice(1)) await connection.close()
    await until('there is room again', () => a.host.connections().length === 1)
    await raw.libp2p.dial(target, { force: true })
    await until('it is used', () => opened.length === maxConnectionsPerPeer + 1)
  })

  it('R15: should publish nothing to a member without right to the topic, until it has the right', async () => {
    const { hosts, heard } = await members(['a', 'b', 'c'], transport)
    const [a, b] = hosts
    a.roles.withoutTopic.set(b.host.peerId, TOPIC.scope)
    for (const { host } of hosts.slice(1))
      host.keepConnected([{ peerId: a.host.peerId, addresses: a.host.addresses() }])
    await until('both subscribed', () => a.roles.denials.some((d) => d.where === 'gossip' && d.peer === b.host.peerId))
    await sayUntilHeard(a, 'not for b', heard[2])
    expect(heard[1]).toEqual([])
    a.roles.withoutTopic.clear()
    await sayUntilHeard(a, 'for b, too', heard[1])
    expect(texts(heard[1])).not.toContain('not for b')
  })
  it('R15: should open no gossip stream with a peer that may not gossip, until it may', async () => {
    const { hosts, heard } = await members(['a', 'b'], transport)
    const [a, b] = hosts
    a.roles.withoutProtocol.set(b.host.peerId, '/meshsub/')
    await connectAll(hosts)
    await until('refused', () => a.metrics.count('p2p_streams_refused_total{no_right_to_protocol}') > 0)
    await a.host.messenger.publish(TOPIC, say('not for b'))
    expect(a.metrics.count('p2p_publish_undelivered_total{no_peers}')).toBe(1)
    a.roles.withoutProtocol.clear()
    await sayUntilHeard(a, 'for b', heard[1])
    expect(texts(heard[1])).not.toContain('not for b')
  })
})

describe('streams of a p2p host', () => {
  const ECHO = '/test/echo/1'
  const echo = async (stream: FrameStream): Promise<void> => {
    for (let frame = await stream.read(); frame !== undefined; frame = await stream.read()) await stream.write(frame)
  }
  async function pair() {
    const { hosts } = await members(['a', 'b'], 'tcp')
    const [a, b] = hosts
    const unhandle = await b.host.streams.handle(ECHO, 1_000, echo)
    a.host.keepConnected([{ peerId: b.host.peerId, addresses: b.host.addresses() }])
    await until('connected', () => peersOf(a).size === 1)
    const open = (maxBytes = 1_000) => a.host.streams.open(b.host.peerId, ECHO, maxBytes)
    return { a, b, open, unhandle }
  }

  it('should carry frames, and end when the other side has finished', async () => {
    const { open } = await pair()
    const stream = await open()
    await Promise.all([stream.write(utf8('one')), stream.write(utf8('two'))])
    expect([await stream.read(), await stream.read()]).toEqual([utf8('one'), utf8('two')])
    await stream.close()
  })
  it('should end only the stream on which a frame is too large', async () => {
    const { a, open } = await pair()
    const [bad, good] = [await open(2_000), await open()]
    await bad.write(new Uint8Array(1_001))
    await expect(bad.read()).rejects.toMatchObject({ code: 'STREAM_RESET' })
    await good.write(utf8('alive'))
    expect(await good.read()).toEqual(utf8('alive'))
    expect(peersOf(a).size).toBe(1)
  })
  it('should bound the streams of one peer', async () => {
    const { b, open } = await pair()
    const streams = await Promise.all(Array.from({ length: 8 }, () => open()))
    const ninth = open().then(async (s) => {
      await s.write(utf8('nine'))
      return s.read()
    })
    await expect(ninth).rejects.toBeInstanceOf(Error)
    for (const s of streams) {
      await s.write(utf8('alive'))
      expect(await s.read()).toEqual(utf8('alive'))
    }
    expect(b.host.connections()).toHaveLength(1)
  })
  it('should refuse an inbound stream without right', async () => {
    const { a, b, open } = await pair()
    b.roles.withoutProtocol.set(a.host.peerId, ECHO)
    const asked = open().then((s) => s.read())
    await expect(asked).rejects.toMatchObject({ code: expect.stringMatching(/STREAM_RESET|UNREACHABLE/) })
    expect(b.roles.denials).toContainEqual({ peer: a.host.peerId, reason: 'no_right_to_protocol', where: 'stream' })
  })
  it('should not open a stream that its own roles refuse', async () => {
    const { a, b, open } = await pair()
    a.roles.withoutProtocol.set(b.host.peerId, ECHO)
    await expect(open()).rejects.toMatchObject({ code: 'NOT_ADMITTED' })
  })
  it('should end the stream whose handler failed, and serve the next', async () => {
    const { b, open, unhandle } = await pair()
    await unhandle()
    let calls = 0
    await b.host.streams.handle(ECHO, 1_000, async (stream) => {
      if (calls++ === 0) throw new Error('broken')
      await echo(stream)
    })
    await expect((await open()).read()).rejects.toMatchObject({ code: 'STREAM_RESET' })
    const stream = await open()
    await stream.write(utf8('alive'))
    expect(await stream.read()).toEqual(utf8('alive'))
  })
  it('should not be there any more once unhandled', async () => {
    const { open, unhandle } = await pair()
    await unhandle()
    await expect(open()).rejects.toMatchObject({ code: 'UNREACHABLE' })
  })
  it('should refuse a second handler of one protocol', async () => {
    const { b } = await pair()
    await expect(b.host.streams.handle(ECHO, 1_000, echo)).rejects.toMatchObject({ code: 'ALREADY_HANDLED' })
  })
  it('should stop opening when told to', async () => {
    const { a, b } = await pair()
    const aborted = AbortSignal.abort(new Error('enough'))
    await expect(a.host.streams.open(b.host.peerId, ECHO, 1_000, aborted)).rejects.toThrow('enough')
  })

  it.each<Transport>(['tcp', 'quic'])('should serve a client that listens nowhere, over %s', async (transport) => {
    const client = createDialerHost({
      keyPair: keyPair('client'),
      transports: [transport],
      logger,
      metrics: new TestMetrics(),
    })
    const server = await start(keyPair('a'), [client.peerId], [transport])
    await server.host.streams.handle(ECHO, 1_000, echo)
    running.push(client)
    await client.start()
    expect(client.addresses()).toEqual([])
    client.keepConnected([{ peerId: server.host.peerId, addresses: server.host.addresses() }])
    const stream = await client.streams.open(server.host.peerId, ECHO, 1_000)
    await stream.write(utf8('hello'))
    expect(await stream.read()).toEqual(utf8('hello'))
    await stream.close()
  })
  it('should not let a client host gossip', () => {
    const client = createDialerHost({
      keyPair: keyPair('client'),
      transports: ['tcp'],
      logger,
      metrics: new TestMetrics(),
    })
    expect(() => Reflect.get(client, 'messenger')).toThrow(expect.objectContaining({ code: 'NO_GOSSIP' }))
  })
})
