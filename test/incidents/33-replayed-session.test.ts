import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import type { Connection } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LIMITS, utf8 } from '../../src/base/index.ts'
import type { KeyPair } from '../../src/curve/index.ts'
import { sealEnvelope } from '../../src/p2p/envelope.ts'
import { type DropReason, type Envelope, topicName } from '../../src/p2p/index.ts'
import { makeHost, type TestHost, until } from '../unit/p2p/hosts.ts'
import { keyPair, ROUND, TOPIC } from '../unit/p2p/kit.ts'
import { rawDirect } from '../unit/p2p/raw-direct.ts'
import { type RawNode, rawNode } from '../unit/p2p/raw-node.ts'

/**
 * strata-p2p #113, #114: setup messages, requests and responses could be replayed, dates in the future were taken, a
 * message's key needn't be the peer's, and strangers used memory before they were known.
 */
const member = keyPair('member')
const other = keyPair('other')
const stranger = keyPair('stranger')
const NAME = topicName(TOPIC)
let counter = 0
const seal = (author: KeyPair, step: string, change: { expiresAtMs?: number } = {}) =>
  sealEnvelope(author, NAME, {
    round: ROUND,
    attempt: 0,
    step,
    boot: 5,
    counter: counter++,
    expiresAtMs: change.expiresAtMs ?? Date.now() + LIMITS.envelopeTtlMs,
    payload: utf8('words'),
  })

let victim: TestHost
let heard: Envelope[]
const closing: (() => unknown)[] = []
beforeEach(async () => {
  victim = makeHost(keyPair('victim'), [member.peerId, other.peerId], ['tcp'])
  heard = []
  victim.host.messenger.join(TOPIC, (e) => {
    heard.push(e)
    return 'accept'
  })
  await victim.host.start()
})
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
  await victim.host.stop()
})

async function raw(key: KeyPair): Promise<RawNode> {
  const node = await rawNode(key, victim.host.addresses())
  closing.push(() => node.libp2p.stop())
  return node
}
const say = (node: RawNode, wire: Uint8Array) => rawDirect(node, victim.host.peerId, NAME, wire)
const dropped = (reason: DropReason, via: string) =>
  victim.metrics.count(`p2p_messages_dropped_total{${reason},${via}}`)
const portOf = (host: TestHost['host']) => Number(/\/tcp\/(\d+)/.exec(host.addresses()[0] ?? '')?.[1])

/** Dials with a handshake that names one key and is signed with another. */
async function dialAs(named: KeyPair, signer: KeyPair): Promise<Connection> {
  const truth = privateKeyFromRaw(signer.exposeSecret())
  const { publicKey } = privateKeyFromRaw(named.exposeSecret())
  const privateKey = Object.create(truth, { publicKey: { value: publicKey } })
  const libp2p = await createLibp2p({
    privateKey: truth,
    transports: [tcp()],
    connectionEncrypters: [(c) => noise()(Object.create(c, { privateKey: { value: privateKey } }))],
    streamMuxers: [yamux()],
  })
  closing.push(() => libp2p.stop())
  const [address = ''] = victim.host.addresses()
  return await libp2p.dial(multiaddr(address))
}

async function dialled(): Promise<Socket> {
  const socket = connect(portOf(victim.host), '127.0.0.1')
  closing.push(() => socket.destroy())
  // A reset is what is hoped for.
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}
const ended = (socket: Socket) => until('the victim hangs up', () => socket.closed || socket.readableEnded)

describe('incident 33: what strata-p2p took for true', () => {
  it('should not take a recorded handshake of a member for that member', async () => {
    const recorded: Buffer[] = []
    const wire = await startRecorder(portOf(victim.host), recorded)
    const genuine = makeHost(member, [victim.host.peerId], ['tcp'], [])
    closing.push(() => genuine.host.stop())
    await genuine.host.start()
    genuine.host.keepConnected([{ peerId: victim.host.peerId, addresses: [`/ip4/127.0.0.1/tcp/${wire}`] }])
    await until('the member is connected', () => victim.host.connections().length === 1)
    await genuine.host.stop()
    await until('the member has gone', () => victim.host.connections().length === 0)
    let opened = 0
    victim.host.connectionOpened.on(() => opened++)

    const replay = await dialled()
    replay.resume()
    replay.write(Buffer.concat(recorded))
    await ended(replay)
    expect(Buffer.concat(recorded).length).toBeGreaterThan(200)
    expect(opened).toBe(0)
  })

  it.each(['request', 'commitment'])('should not take a recorded %s again, from whomever it comes', async (step) => {
    const wire = seal(member, step)
    const first = await raw(member)
    expect(await say(first, wire)).toBe(1)
    expect(await say(first, wire)).toBe(2)
    // In another session of the same member, and from a member that has heard it.
    await first.libp2p.stop()
    expect(await say(await raw(member), wire)).toBe(2)
    const second = await raw(other)
    expect(await say(second, wire)).toBe(3)
    await second.publish(NAME, wire)
    await until('dropped', () => dropped('replay', 'gossip') === 1)
    expect([dropped('replay', 'direct'), dropped('author_mismatch', 'direct')]).toEqual([2, 1])
    expect(heard).toHaveLength(1)
  })

  it('should not take what is dated further ahead than clocks may differ', async () => {
    const node = await raw(member)
    const latestMs = () => Date.now() + LIMITS.envelopeTtlMs + LIMITS.clockSkewMs
    expect(await say(node, seal(member, 'request', { expiresAtMs: latestMs() + 60_000 }))).toBe(2)
    await node.publish(NAME, seal(member, 'request', { expiresAtMs: Number.MAX_SAFE_INTEGER }))
    await until('dropped', () => dropped('expires_too_late', 'gossip') === 1)
    expect(dropped('expires_too_late', 'direct')).toBe(1)
    expect(heard).toEqual([])
    // It has not used up the member's sequence either.
    expect(await say(node, seal(member, 'request'))).toBe(1)
  })

  it("should not take a message whose key is another than its peer's", async () => {
    expect(await say(await raw(other), seal(member, 'request'))).toBe(3)
    expect(dropped('author_mismatch', 'direct')).toBe(1)
    expect(heard).toEqual([])
  })

  it('should not take a peer for a member because it names the key of one', async () => {
    let opened = 0
    victim.host.connectionOpened.on(() => opened++)
    const liar = await dialAs(member, stranger)
    await until('the victim hangs up', () => liar.status !== 'open')
    expect(opened).toBe(0)
    await dialAs(member, member)
    await until('the member itself is let in', () => opened === 1)
  })

  it('should not take another peer than the one that was dialled', async () => {
    victim.host.keepConnected([])
    const impostor = makeHost(other, [victim.host.peerId], ['tcp'])
    closing.push(() => impostor.host.stop())
    await impostor.host.start()
    victim.host.keepConnected([{ peerId: member.peerId, addresses: [`/ip4/127.0.0.1/tcp/${portOf(impostor.host)}`] }])
    let opened = 0
    victim.host.connectionOpened.on(() => opened++)
    await until('the dial has failed', () => victim.metrics.count('p2p_dials_total{failed}') >= 2)
    expect(opened).toBe(0)
  })

  it.each<[string, Uint8Array]>([
    ['a first line of absurd length', Uint8Array.of(0xff, 0xff, 0xff, 0x7f)],
    ['a handshake without end', negotiated()],
  ])('should not give memory to a stranger for %s', async (_what, beginning) => {
    const socket = await dialled()
    socket.resume()
    const chunk = Buffer.alloc(64 * 1024, 0x01)
    const before = process.memoryUsage().arrayBuffers
    socket.write(beginning)
    // The victim reads nothing more, or hangs up; either way it does not take what is poured out.
    let taken = 0
    while (!socket.destroyed && !socket.readableEnded && taken < MAX_POURED_BYTES) {
      if (!socket.write(chunk, () => (taken += chunk.length)))
        await new Promise((resolve) => socket.once('drain', resolve).once('close', resolve))
      await new Promise((next) => setImmediate(next))
    }
    expect(taken).toBeLessThan(MAX_TAKEN_BYTES)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MAX_TAKEN_BYTES)
    await ended(socket)
    expect(victim.host.connections()).toEqual([])
  })
})

const MAX_POURED_BYTES = 256 * 1024 * 1024
/** What the sockets' own buffers of both sides may swallow. */
const MAX_TAKEN_BYTES = 16 * 1024 * 1024

/** Up to the choice of Noise, as any libp2p peer says it; what follows is for the handshake. */
function negotiated(): Uint8Array {
  const lines = ['/multistream/1.0.0\n', '/noise\n'].map((line) => Buffer.from(line))
  return Buffer.concat(lines.flatMap((line) => [Buffer.of(line.length), line]))
}

/** A wire to the victim that keeps what the caller says; gives its port. */
async function startRecorder(targetPort: number, recorded: Buffer[]): Promise<number> {
  const server = createServer((caller) => {
    const target = connect(targetPort, '127.0.0.1')
    caller.on('data', (chunk) => recorded.push(chunk))
    caller.on('error', () => target.destroy())
    target.on('error', () => caller.destroy())
    caller.pipe(target).pipe(caller)
    closing.push(() => caller.destroy())
  })
  closing.push(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
