import { createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { noMetrics, type PeerIdStr, silentLogger, systemClock, utf8 } from '../../src/base/index.ts'
import { createConnectionGater, Gate } from '../../src/gating/index.ts'
import type { Envelope, Transport } from '../../src/p2p/index.ts'
import { SCOPE, signerSet } from '../fixtures/sets.ts'
import { makeHost, type TestHost, until, untilAsync } from '../unit/p2p/hosts.ts'
import { keyPair, ROUND, TOPIC } from '../unit/p2p/kit.ts'

const running: { stop(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((h) => h.stop()))
})

const [keyA, keyB] = [keyPair('mesh-a'), keyPair('mesh-b')]
const ids = [keyA.peerId, keyB.peerId]
async function start(
  key: typeof keyA,
  transports: readonly Transport[],
  extra: Parameters<typeof makeHost>[4] = {},
  stopsWith: { push(host: TestHost['host']): unknown } = running,
): Promise<TestHost> {
  const made = makeHost(key, ids, transports, undefined, extra)
  stopsWith.push(made.host)
  await made.host.start()
  return made
}
const linksOf = ({ host }: TestHost) => host.connections()
const over = (transport: Transport, { host }: TestHost): string[] =>
  host
    .addresses()
    .filter((a) => a.includes(transport === 'tcp' ? '/tcp/' : '/quic-v1'))
    .map((a) => a.replace(/\/p2p\/.*$/, ''))

/** Takes TCP connections and never says a word. */
async function silentServer(): Promise<string> {
  const sockets: Socket[] = []
  const server = createServer((socket) => sockets.push(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  running.push({
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  })
  const at = server.address()
  if (at === null || typeof at === 'string') throw new Error('no port')
  return `/ip4/127.0.0.1/tcp/${at.port}`
}

describe('dialling a member', () => {
  it('should reach it over QUIC although its TCP address takes the call and says nothing, long before a timeout', async () => {
    const [a, b] = await Promise.all([start(keyA, ['tcp', 'quic']), start(keyB, ['quic'])])
    const startedMs = performance.now()
    a.host.keepConnected([{ peerId: b.host.peerId, addresses: [await silentServer(), ...over('quic', b)] }])
    await until('they are linked', () => linksOf(a).length === 1)
    // The handshake's own timeout is 10 s.
    expect(performance.now() - startedMs).toBeLessThan(5_000)
    expect(linksOf(a)[0]?.transport).toBe('quic')
  })
  it('should prefer TCP where both answer', async () => {
    const [a, b] = await Promise.all([start(keyA, ['tcp', 'quic']), start(keyB, ['tcp', 'quic'])])
    a.host.keepConnected([{ peerId: b.host.peerId, addresses: [...over('quic', b), ...over('tcp', b)] }])
    await until('they are linked', () => linksOf(a).length === 1)
    expect(linksOf(a)[0]?.transport).toBe('tcp')
  })
  it.each<Transport>(['tcp', 'quic'])('should find a name again at every dial, over %s', async (transport) => {
    const asked: string[] = []
    const resolve = async (host: string) => {
      asked.push(host)
      if (asked.length < 3) throw new Error('ENOTFOUND')
      return [{ address: '127.0.0.1', family: 4 as const }]
    }
    const [a, b] = await Promise.all([start(keyA, [transport], { resolve }), start(keyB, [transport])])
    const named = over(transport, b).map((x) => x.replace('/ip4/127.0.0.1/', '/dns4/b.example/'))
    a.host.keepConnected([{ peerId: b.host.peerId, addresses: named }])
    await until('they are linked', () => linksOf(a).length === 1)
    expect(asked).toEqual(['b.example', 'b.example', 'b.example'])
    expect(a.metrics.count('p2p_redials_total{unreachable}')).toBeGreaterThan(0)
    expect(a.metrics.count('p2p_redials_total{connected}')).toBe(1)
  })
})

describe('seeds without PeerID', () => {
  const key = keyPair('mesh-stranger')
  /** As a node has it: the gate's own gater, and a list of seeds. */
  const gated = (seeds: readonly string[]) => {
    const denied: string[] = []
    const ports = { clock: systemClock, logger: silentLogger, metrics: noMetrics }
    const gate = new Gate({ registryScope: SCOPE, self: keyA.publicKey, bridges: [], denied: [], ...ports })
    gate.applySnapshot({
      kind: 'set',
      set: signerSet([keyA, keyB]),
      tip: { indexBlockHash: '22'.repeat(32), stacksHeight: 7, burnHeight: 7 },
      readAtMs: 0,
    })
    return {
      gate,
      denied,
      connectionGater: createConnectionGater(gate, systemClock, {
        isSeed: (a) => seeds.includes(a),
        named: () => new Map(),
      }),
    }
  }
  const wantB = (a: TestHost, seeds: readonly string[]) =>
    a.host.keepConnected([{ peerId: keyB.peerId, addresses: [] }], seeds)

  it.each<Transport>(['tcp', 'quic'])('should lead to a member whose key was not known, over %s', async (transport) => {
    const b = await start(keyB, [transport])
    const seeds = over(transport, b)
    const { gate, connectionGater } = gated(seeds)
    const a = await start(keyA, [transport], { connectionGater })
    wantB(a, seeds)
    await until('they are linked', () => linksOf(a).length === 1)
    expect(linksOf(a)[0]?.peerId).toBe(keyB.peerId)
    expect(gate.denials.totals()).toEqual({})
  })
  it.each<Transport>(['tcp', 'quic'])('should lead nowhere where a stranger answers, over %s', async (transport) => {
    const stranger = await start(key, [transport])
    const seeds = over(transport, stranger)
    const { gate, connectionGater } = gated(seeds)
    const a = await start(keyA, [transport], { connectionGater })
    wantB(a, seeds)
    await until('it was refused twice', () => a.metrics.count('p2p_seed_dials_total{refused}') > 1)
    expect(linksOf(a)).toEqual([])
    expect(gate.denials.totals().not_in_registry).toBeGreaterThan(0)
  })
  it('should not be dialled at an address that the gate was not told of', async () => {
    const b = await start(keyB, ['tcp'])
    const { gate, connectionGater } = gated([])
    const a = await start(keyA, ['tcp'], { connectionGater })
    wantB(a, over('tcp', b))
    await until('it was refused', () => a.metrics.count('p2p_seed_dials_total{refused}') > 0)
    expect(gate.denials.totals().unknown_peer_dial).toBeGreaterThan(0)
    expect(linksOf(b)).toEqual([])
  })
  it('should be given up where they lead back to the node itself', async () => {
    const a = await start(keyA, ['tcp'])
    wantB(a, over('tcp', a))
    await until('it was noticed', () => a.metrics.count('p2p_seed_dials_total{own_address}') === 1)
  })
})

// Side by side: each pair mostly waits for the grace that a second link has.
describe.concurrent('two links to one member', () => {
  const HELLO = '/test/hello/1'
  let attempt = 0
  const say = (text: string) => ({ round: ROUND, attempt: attempt++, step: 'test', payload: utf8(text) })

  it.for<readonly [string, Transport, Transport]>([
    ['TCP and QUIC', 'tcp', 'quic'],
    ['QUIC and TCP', 'quic', 'tcp'],
    ['TCP both', 'tcp', 'tcp'],
    ['QUIC both', 'quic', 'quic'],
  ])('should become one after dials that met half-way (%s), and lose no message', async ([, byA, byB], test) => {
    const own = { push: (host: TestHost['host']) => test.onTestFinished(() => host.stop()) }
    const hosts = await Promise.all([keyA, keyB].map((key) => start(key, ['tcp', 'quic'], {}, own)))
    const [a, b] = hosts as [TestHost, TestHost]
    const heard = new Map<PeerIdStr, Set<string>>(ids.map((id) => [id, new Set()]))
    for (const { host } of hosts) {
      await host.streams.handle(HELLO, 100, async (stream) => void (await stream.read()))
      host.messenger.join(TOPIC, (envelope: Envelope) => {
        heard.get(host.peerId)?.add(new TextDecoder().decode(envelope.payload))
        return 'accept'
      })
    }
    a.host.keepConnected([{ peerId: b.host.peerId, addresses: over(byA, b) }])
    b.host.keepConnected([{ peerId: a.host.peerId, addresses: over(byB, a) }])
    const opened = await Promise.all([
      a.host.streams.open(b.host.peerId, HELLO, 100),
      b.host.streams.open(a.host.peerId, HELLO, 100),
    ])
    for (const stream of opened) await stream.write(utf8('hello')).then(() => stream.close())
    await until('there are two links', () => linksOf(a).length === 2 && linksOf(b).length === 2)
    // Both talk all the while, over direct streams: each word must arrive, acknowledged.
    let sent = 0
    await untilAsync('one link is left', async () => {
      await Promise.all([
        a.host.messenger.send(keyB.publicKey, TOPIC, say(`a${sent}`)),
        b.host.messenger.send(keyA.publicKey, TOPIC, say(`b${sent}`)),
      ])
      sent++
      return linksOf(a).length === 1 && linksOf(b).length === 1
    })
    for (let i = 0; i < sent; i++) {
      expect(heard.get(b.host.peerId)).toContain(`a${i}`)
      expect(heard.get(a.host.peerId)).toContain(`b${i}`)
    }
    const better = byA === 'tcp' || byB === 'tcp' ? 'tcp' : 'quic'
    const [link] = linksOf(a)
    expect(link?.transport).toBe(better)
    if (byA === byB) expect(link?.direction === 'outbound').toBe(keyA.peerId < keyB.peerId)
    // Gossip goes on over the one that is left, both ways, and it is not closed later either.
    await untilAsync('a is heard', async () => {
      await a.host.messenger.publish(TOPIC, say('last of a'))
      return heard.get(b.host.peerId)?.has('last of a') === true
    })
    await untilAsync('b is heard', async () => {
      await b.host.messenger.publish(TOPIC, say('last of b'))
      return heard.get(a.host.peerId)?.has('last of b') === true
    })
    const closed = [a, b].map((h) => h.metrics.count('p2p_duplicate_links_closed_total{}'))
    expect(closed.toSorted()).toEqual([0, 1])
  })
})
