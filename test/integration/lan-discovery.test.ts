import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { ComponentLogger, Startable } from '@libp2p/interface'
import { mdns } from '@libp2p/mdns'
import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, describe, expect, it } from 'vitest'
import type { PeerIdStr } from '../../src/base/index.ts'
import type { KeyPair } from '../../src/curve/index.ts'
import { lanDiscovery } from '../../src/p2p/lan-discovery.ts'
import { LISTEN, until } from '../unit/p2p/hosts.ts'
import { keyPair } from '../unit/p2p/kit.ts'
import { type GatedHost, gatedHost } from './fixtures/gated-host.ts'

const [alice, bob, carol, stranger] = ['alice', 'bob', 'carol', 'stranger'].map(keyPair) as [
  KeyPair,
  KeyPair,
  KeyPair,
  KeyPair,
]
const SET = [alice, bob, carol]

const running: Pick<Startable, 'stop'>[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((part) => part.stop()))
})

async function start(key: KeyPair, members: readonly KeyPair[], port?: number): Promise<GatedHost> {
  const made = gatedHost(key, members, { listen: [LISTEN.tcp], ...(port === undefined ? {} : { mdns: { port } }) })
  running.push(made.host)
  await made.host.start()
  return made
}
/** A UDP port that nobody uses now: other tests' queries must not be heard. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0)
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}
const log = Object.assign(() => {}, { enabled: false, trace() {}, error() {}, newScope: () => log })
const silent: ComponentLogger = { forComponent: () => log }
/** An address manager that says these are Bob's. */
const saying = (...addresses: readonly string[]) =>
  ({ getAddresses: () => addresses.map((a) => multiaddr(`${a}/p2p/${bob.peerId}`)) }) as never
const wants = (from: GatedHost, ...peers: readonly KeyPair[]) =>
  from.host.keepConnected(peers.map((p) => ({ peerId: p.peerId, addresses: [] })))

describe('discovery on the local network', () => {
  it('should find the members that are missed, and dial no others', async () => {
    const port = await freePort()
    // The stranger takes all of them for members, and answers every query; Carol is a member that Alice doesn't miss.
    const [a, b, c, s] = await Promise.all([
      start(alice, SET, port),
      start(bob, SET, port),
      start(carol, SET, port),
      start(stranger, [...SET, stranger], port),
    ])
    const heard = new Set<PeerIdStr>()
    const observer = lanDiscovery({ port }, (peer) => heard.add(peer))({ addressManager: saying(), logger: silent })
    running.push(observer)
    wants(a, bob)
    wants(b, alice, stranger)
    wants(c)
    await observer.start()
    await until('found', () => a.links(bob.peerId).length > 0)
    await until('the stranger was heard', () => heard.has(stranger.peerId))
    // Bob heard the same answer; Carol begins only now, so he has had the time of a dial to act on it.
    wants(c, bob)
    await until('found later', () => b.links(carol.peerId).length > 0)
    expect(b.links(alice.peerId)).toEqual(expect.arrayContaining(['tcp']))
    expect(a.links(carol.peerId)).toEqual([])
    for (const { host } of [a, b, c]) expect(host.connections().map((l) => l.peerId)).not.toContain(stranger.peerId)
    // Never dialled, so never refused.
    for (const { gate } of [a, b, c]) expect(gate.denials.totals()).toEqual({})
    expect(s.host.connections()).toEqual([])
  })

  it('should neither ask nor answer by default', async () => {
    const port = await freePort()
    const a = await start(alice, SET, port)
    const b = await start(bob, SET)
    const c = await start(carol, SET, port)
    wants(a, bob, carol)
    await until('found', () => a.links(carol.peerId).length > 0)
    expect(a.links(bob.peerId)).toEqual([])
    expect(c.links(bob.peerId)).toEqual([])
    expect(b.host.connections()).toEqual([])
  })

  it('should take from an answer only what can be dialled on a local network', async () => {
    const port = await freePort()
    const liar = mdns({ port, serviceTag: '_countersign._udp.local' })({
      addressManager: saying('/ip4/192.168.7.7/tcp/7/ws', '/ip4/100.64.0.7/tcp/7', '/ip4/192.168.7.7/tcp/7'),
      logger: silent,
    }) as unknown as Startable
    const heard = Promise.withResolvers<readonly [PeerIdStr, readonly string[]]>()
    const listener = lanDiscovery({ port }, (...said) => heard.resolve(said))({
      addressManager: saying(),
      logger: silent,
    })
    running.push(liar, listener)
    await liar.start()
    await listener.start()
    expect(await heard.promise).toEqual([bob.peerId, ['/ip4/192.168.7.7/tcp/7']])
  })
})
