import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { type CircuitRelayServerInit, circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { afterEach, describe, expect, it } from 'vitest'
import { type PeerIdStr, utf8 } from '../../src/base/index.ts'
import type { KeyPair } from '../../src/curve/index.ts'
import type { NatInit, Transport } from '../../src/p2p/index.ts'
import { type ReservationStore, withoutBlacklist } from '../../src/p2p/nat-reservations.ts'
import { LISTEN, libp2pPeerId, makeHost, next, type TestHost, until, untilAsync } from '../unit/p2p/hosts.ts'
import { keyPair, ROUND } from '../unit/p2p/kit.ts'
import { type GatedHost, gatedHost, SIGN_TOPIC } from './fixtures/gated-host.ts'

const [relay, bob, carol, stranger, bridge] = ['relay', 'bob', 'carol', 'stranger', 'bridge'].map(keyPair) as [
  KeyPair,
  KeyPair,
  KeyPair,
  KeyPair,
  KeyPair,
]
const SET = [relay, bob, carol]
const RELAYING: NatInit = { relayServer: true, relays: [], holePunching: false }
/** One second is what is wanted; a machine that does other things gets more. */
const CLOSED_WITHIN_MS = 10_000
const UNLIMITED: CircuitRelayServerInit = { reservations: { applyDefaultLimit: false } }
const STOP = '/libp2p/circuit/relay/0.2.0/stop'

const closing: (() => unknown)[] = []
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
})

async function started(made: GatedHost): Promise<GatedHost> {
  closing.push(() => made.host.stop())
  await made.host.start()
  return made
}
const relayHost = (
  members: readonly KeyPair[] = SET,
  bridges: readonly PeerIdStr[] = [],
  transport: Transport = 'tcp',
) =>
  started(gatedHost(relay, members, { listen: [LISTEN[transport]], transports: [transport], nat: RELAYING }, bridges))
const behind = (address: string): NatInit => ({
  relayServer: false,
  relays: [{ peerId: relay.peerId, address }],
  holePunching: false,
})
/** A member that listens nowhere and waits at the relay. */
async function hidden(
  key: KeyPair,
  address: string,
  members: readonly KeyPair[] = SET,
  nat: NatInit = behind(address),
): Promise<GatedHost> {
  const made = await started(gatedHost(key, members, { listen: [], transports: ['tcp', 'quic'], nat }))
  made.host.keepConnected([{ peerId: relay.peerId, addresses: [address] }])
  await until('waiting at the relay', () => made.host.addresses().some((a) => a.includes('/p2p-circuit')))
  return made
}
const addressOf = ({ host }: GatedHost): string => host.addresses()[0] ?? ''

/** Bob and Carol, who reach each other through the relay at this address alone. */
async function bothBehind(address: string) {
  const [b, c] = await Promise.all([hidden(bob, address), hidden(carol, address)])
  c.host.keepConnected([relay, bob].map((k) => ({ peerId: k.peerId, addresses: k === relay ? [address] : [] })))
  await until('linked through the relay', () => b.links(carol.peerId).length > 0 && c.links(bob.peerId).length > 0)
  return { b, c }
}
async function federation(transport: Transport = 'tcp') {
  const a = await relayHost(SET, [], transport)
  return { a, ...(await bothBehind(addressOf(a))) }
}

/** A peer that uses the library as it likes. */
async function raw(key: KeyPair, options: { readonly server?: CircuitRelayServerInit } = {}) {
  let store: ReservationStore | undefined
  const libp2p = await createLibp2p({
    privateKey: privateKeyFromRaw(key.exposeSecret()),
    addresses: { listen: options.server ? [LISTEN.tcp] : [] },
    transports: [
      tcp(),
      (c) => {
        const transport = circuitRelayTransport()(c)
        store = withoutBlacklist(transport)
        return transport
      },
    ],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
    services: {
      identify: identify(),
      ping: ping(),
      ...(options.server ? { relay: circuitRelayServer(options.server) } : {}),
    },
  })
  closing.push(() => libp2p.stop())
  const reserveAt = async (peer: PeerIdStr) => await store?.addRelay(libp2pPeerId(peer), 'configured')
  return { libp2p, reserveAt }
}

/** A TCP port that nobody uses now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

let attempt = 0
const say = (text: string) => ({ round: ROUND, attempt: attempt++, step: 'test', payload: utf8(text) })
const hears = (from: GatedHost, text: string, at: GatedHost) =>
  untilAsync(`heard: ${text}`, async () => {
    await from.host.messenger.publish(SIGN_TOPIC, say(text))
    return at.heard.some((e) => new TextDecoder().decode(e.payload) === text)
  })

describe.each<Transport>(['tcp', 'quic'])('circuit relay over %s', (transport) => {
  it('should let two members without an address join, gossip both ways, and show that it is a relay', async () => {
    const { b, c } = await federation(transport)
    expect(b.links(carol.peerId)).toEqual(['relay'])
    expect(c.links(bob.peerId)).toEqual(['relay'])
    expect(b.links(relay.peerId)).toEqual([transport])
    await hears(b, 'from bob', c)
    await hears(c, 'from carol', b)
  })

  it('should close the relayed link of a removed member at once, whatever the relay thinks', async () => {
    const { b } = await federation(transport)
    const since = Date.now()
    await b.applySet([relay, bob])
    expect(b.links(carol.peerId)).toEqual([])
    expect(Date.now() - since).toBeLessThan(CLOSED_WITHIN_MS)
    expect(b.links(relay.peerId)).toEqual([transport])
  })
})

describe('circuit relay', () => {
  it('should gossip and send even through a relay that limits its links', async () => {
    const { libp2p: limiting } = await raw(relay, { server: {} })
    const { b, c } = await bothBehind(String(limiting.getMultiaddrs()[0]))
    await hears(b, 'from bob', c)
    await b.host.messenger.send(carol.publicKey, SIGN_TOPIC, say('sent'))
    expect(c.heard.filter((e) => e.via === 'direct')).toHaveLength(1)
  })

  it("should carry more over one link than a stranger's relay would", async () => {
    const { b, c } = await federation()
    const payload = new Uint8Array(15_000)
    for (let i = 0; i < 20; i++)
      await b.host.messenger.send(carol.publicKey, SIGN_TOPIC, { ...say(''), payload: payload.fill(i) })
    expect(c.heard.filter((e) => e.via === 'direct')).toHaveLength(20)
    expect(b.links(carol.peerId)).toEqual(['relay'])
  })

  it('should come back when the relay does, even if it was no relay at first', async () => {
    const first = await started(gatedHost(relay, SET, { listen: [LISTEN.tcp] }))
    const address = addressOf(first)
    const b = await started(gatedHost(bob, SET, { listen: [], nat: behind(address) }))
    b.host.keepConnected([{ peerId: relay.peerId, addresses: [address] }])
    await until('refused', () => b.logger.messages('debug').includes('A relay gave no place'))
    await first.host.stop()
    expect(b.host.addresses()).toEqual([])
    const listen = [address.replace(/\/p2p\/.*$/, '')]
    const second = await started(gatedHost(relay, SET, { listen, nat: RELAYING }))
    await until('waiting at the relay', () => b.host.addresses().length > 0)
    expect(b.host.addresses()).toEqual([`${address}/p2p-circuit/p2p/${bob.peerId}`])
    await second.host.stop()
    await until('no address is left', () => b.host.addresses().length === 0)
  })

  it('should speak no protocol of NAT by default', async () => {
    const plain = await started(gatedHost(relay, SET, { listen: [LISTEN.tcp] }))
    const spoken = async (at: GatedHost) => {
      const { libp2p: guest } = await raw(bob)
      const { remotePeer } = await guest.dial(multiaddr(addressOf(at)))
      await untilAsync('identified', async () => (await guest.peerStore.get(remotePeer)).protocols.length > 0)
      return (await guest.peerStore.get(remotePeer)).protocols.filter((p) => /relay|circuit|dcutr/.test(p))
    }
    expect(await spoken(plain)).toEqual([])
    expect(await spoken(await relayHost())).toEqual(['/libp2p/circuit/relay/0.2.0/hop'])
  })
})

describe('a relay', () => {
  it('should not even be spoken to by a stranger', async () => {
    const a = await relayHost()
    const { libp2p: guest } = await raw(stranger)
    await expect(guest.dial(multiaddr(`${addressOf(a)}/p2p-circuit/p2p/${bob.peerId}`))).rejects.toThrow()
    expect(a.gate.denials.totals()).toEqual({ not_in_registry: expect.any(Number) })
  })

  it('should put nobody through to a member, and let nobody wait, without the right: a bridge', async () => {
    const a = await relayHost(SET, [bridge.peerId])
    await hidden(bob, addressOf(a))
    const { libp2p: guest, reserveAt } = await raw(bridge)
    await guest.dial(multiaddr(addressOf(a)))
    await expect(guest.dial(multiaddr(`${addressOf(a)}/p2p-circuit/p2p/${bob.peerId}`))).rejects.toThrow()
    await expect(reserveAt(relay.peerId)).rejects.toThrow()
    const refused = { peerId: bridge.peerId, reason: 'no_right_to_protocol', place: 'stream' }
    expect(a.gate.denials.recent()).toMatchObject([refused, refused])
  })

  it('should take its place from a removed member, and cut what was relayed to it', async () => {
    const { a, b, c } = await federation()
    // Carol's own snapshot is old: it is the relay that cuts.
    const since = Date.now()
    await a.applySet([relay, carol])
    await until('the relayed link is gone', () => c.links(bob.peerId).length === 0)
    expect(Date.now() - since).toBeLessThan(CLOSED_WITHIN_MS)
    expect(a.links(bob.peerId)).toEqual([])
    await until('the place is lost', () => b.host.addresses().length === 0)
    // Bob comes back into the set and to the relay, but asks for no place: the old one must be gone.
    await b.host.stop()
    await a.applySet(SET)
    const { libp2p: again } = await raw(bob)
    await again.dial(multiaddr(addressOf(a)))
    const { libp2p: caller } = await raw(carol)
    await expect(caller.dial(multiaddr(`${addressOf(a)}/p2p-circuit/p2p/${bob.peerId}`))).rejects.toThrow(/status/)
  })
})

describe('a member behind a relay', () => {
  it('should lose what came through a removed relay', async () => {
    const { b, c } = await federation()
    await b.applySet([bob, carol])
    expect(b.links(relay.peerId)).toEqual([])
    await until('the relayed link is gone', () => b.links(carol.peerId).length + c.links(bob.peerId).length === 0)
  })

  it('should refuse a stranger that a member puts through', async () => {
    // The relay's registry is a lie: to it the stranger is a member.
    const a = await relayHost([...SET, stranger])
    const b = await hidden(bob, addressOf(a))
    const { libp2p: guest } = await raw(stranger)
    await expect(guest.dial(multiaddr(`${addressOf(a)}/p2p-circuit/p2p/${bob.peerId}`))).rejects.toThrow()
    expect(b.gate.denials.recent()).toMatchObject([
      { peerId: stranger.peerId, reason: 'not_in_registry', place: 'relay' },
    ])
    expect(b.links(stranger.peerId)).toEqual([])
  })

  it('should refuse a stranger that a member puts through under the name of another member', async () => {
    const { libp2p: evil } = await raw(relay, { server: UNLIMITED })
    const server = evil.services.relay as unknown as {
      stopHop(o: { request: { peer: { id: Uint8Array } } }, options: unknown): Promise<unknown>
    }
    const stopHop = server.stopHop.bind(server)
    let lies = 0
    server.stopHop = (o, options) => {
      lies++
      o.request.peer.id = libp2pPeerId(carol.peerId).toMultihash().bytes
      return stopHop(o, options)
    }
    const address = String(evil.getMultiaddrs()[0])
    const b = await hidden(bob, address)
    const opened: PeerIdStr[] = []
    b.host.connectionOpened.on((c) => opened.push(c.peerId))
    const { libp2p: guest } = await raw(stranger)
    // The dialler is done before Bob has seen whose key it was.
    await guest.dial(multiaddr(`${address}/p2p-circuit/p2p/${bob.peerId}`)).catch(() => undefined)
    await until('cut off', () => guest.getConnections(libp2pPeerId(bob.peerId)).length === 0)
    expect(lies).toBe(1)
    expect(opened).toEqual([])
    expect(b.host.connections().map((c) => c.peerId)).toEqual([relay.peerId])
  })

  it('should be reached through the relays of its config only, and wait nowhere else', async () => {
    const a = await relayHost()
    const b = await hidden(bob, addressOf(a))
    const { libp2p: other } = await raw(carol, { server: UNLIMITED })
    b.host.keepConnected([{ peerId: carol.peerId, addresses: other.getMultiaddrs().map(String) }])
    await until('connected', () => other.getConnections(libp2pPeerId(bob.peerId)).length > 0)
    const [connection] = other.getConnections(libp2pPeerId(bob.peerId))
    const stream = await connection?.newStream(STOP)
    expect(stream?.protocol).toBe(STOP)
    await until('the stream is cut', () => stream?.status !== 'open')
    expect(b.host.addresses()).toEqual([`${addressOf(a)}/p2p-circuit/p2p/${bob.peerId}`])
    expect(other.services.relay?.reservations.size).toBe(0)
  })

  it('should not dial a member through a stranger', async () => {
    const { libp2p: evil } = await raw(stranger, { server: UNLIMITED })
    const a = await relayHost()
    const b = await hidden(bob, addressOf(a))
    const through = `${String(evil.getMultiaddrs()[0])}/p2p-circuit`
    b.host.keepConnected([{ peerId: carol.peerId, addresses: [through] }])
    await until('refused', () => b.gate.denials.recent().some((d) => d.peerId === stranger.peerId))
    // It is tried again, and refused again.
    for (const denial of b.gate.denials.recent())
      expect(denial).toMatchObject({ peerId: stranger.peerId, reason: 'not_in_registry', place: 'relay' })
    expect(evil.getConnections()).toEqual([])
  })
})

describe('hole punching', () => {
  it('should replace a relayed link by a direct one, and go on gossiping', async () => {
    const a = await relayHost()
    const relays = { ...behind(addressOf(a)), holePunching: true }
    const b = await hidden(bob, addressOf(a), SET, relays)
    // Carol can be dialled: a loopback address would not be tried, but a name is. Bob doesn't miss her, and can't be dialled.
    const port = await freePort()
    const listen = [`/ip4/127.0.0.1/tcp/${port}`]
    const c = await started(gatedHost(carol, SET, { listen, announce: [`/dns4/localhost/tcp/${port}`], nat: relays }))
    const first = next(b.host.connectionOpened, (l) => l.peerId === carol.peerId)
    c.host.keepConnected([relay, bob].map((k) => ({ peerId: k.peerId, addresses: k === relay ? [addressOf(a)] : [] })))
    expect((await first).transport).toBe('relay')
    await until('direct', () => b.links(carol.peerId).join() === 'tcp' && c.links(bob.peerId).join() === 'tcp')
    await hears(b, 'from bob', c)
    await hears(c, 'from carol', b)
  })

  it.each<Transport>(['tcp', 'quic'])(
    'should not be expected through a NAT that forwards nothing: %s does not dial from where it listens',
    async (transport) => {
      // Through a NAT, or a firewall that lets in answers only, a hole is one for the port that was dialled from.
      const ids = [bob.peerId, carol.peerId]
      const [b, c] = [bob, carol].map((k) => makeHost(k, ids, [transport])) as [TestHost, TestHost]
      for (const { host } of [b, c]) {
        closing.push(() => host.stop())
        await host.start()
      }
      const opened = next(b.host.connectionOpened)
      c.host.keepConnected([{ peerId: bob.peerId, addresses: b.host.addresses() }])
      const portOf = (address = '') => /\/(?:tcp|udp)\/(\d+)/.exec(address)?.[1]
      expect(portOf((await opened).remoteAddress)).not.toBe(portOf(c.host.addresses()[0]))
    },
  )
})
