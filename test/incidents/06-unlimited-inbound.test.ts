import { connect, type Socket } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, describe, expect, it } from 'vitest'
import { LIMITS, type PeerIdStr, systemClock } from '../../src/base/index.ts'
import { createConnectionGater, Gate } from '../../src/gating/index.ts'
import { createP2pHost } from '../../src/p2p/index.ts'
import { SCOPE, signerSet } from '../fixtures/sets.ts'
import { LISTEN, until } from '../unit/p2p/hosts.ts'
import { keyPair, logger, NETWORK, TestMetrics } from '../unit/p2p/kit.ts'

const STRANGERS = 80
const [alice, bob] = [keyPair('a'), keyPair('b')]
const closing: (() => unknown)[] = []
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
})

/** A host behind the real gate and gater, a member of the set of Alice and Bob. */
async function member(key: typeof alice, expected: ReadonlyMap<PeerIdStr, readonly string[]> = new Map()) {
  const ports = { clock: systemClock, logger, metrics: new TestMetrics() }
  const gate = new Gate({ registryScope: SCOPE, self: key.publicKey, bridges: [], denied: [], ...ports })
  gate.applySnapshot({
    kind: 'set',
    set: signerSet([alice, bob]),
    tip: { indexBlockHash: '22'.repeat(32), stacksHeight: 7, burnHeight: 7 },
    readAtMs: 0,
  })
  const host = createP2pHost({
    keyPair: key,
    listen: [LISTEN.tcp],
    transports: ['tcp'],
    network: NETWORK,
    boot: Date.now(),
    roles: gate,
    connectionGater: createConnectionGater(gate, systemClock, { isSeed: () => false, named: () => expected }),
    ...ports,
  })
  closing.push(() => host.stop())
  await host.start()
  return { gate, host }
}

/** Connects from another host and says nothing. */
async function idle(port: number, localAddress = '127.0.0.2'): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, localAddress })
  closing.push(() => socket.destroy())
  // A refused one is reset; that is what is asked for.
  socket.on('error', () => socket.destroy())
  // Whatever is said is read, or the end would not be seen.
  socket.resume()
  await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve))
  return socket
}

/** sBTC #1547, #1668: inbound connections without limit. */
describe('incident 6: a flood of strangers that prove nothing', () => {
  it(`should not keep a member out: ${STRANGERS} idle connections of one host`, async () => {
    const victim = await member(alice)
    const [address = ''] = victim.host.addresses()
    const port = Number(
      multiaddr(address)
        .getComponents()
        .find((c) => c.name === 'tcp')?.value,
    )
    const sockets = await Promise.all(Array.from({ length: STRANGERS }, () => idle(port)))
    const refused = STRANGERS - LIMITS.maxPendingPerStrangerHost
    await until('the others are refused', () => victim.gate.denials.totals().host_pending === refused)
    await until('the others are closed', () => sockets.filter((s) => s.destroyed).length >= refused)
    expect(sockets.filter((s) => !s.destroyed)).toHaveLength(LIMITS.maxPendingPerStrangerHost)

    const joining = await member(bob)
    joining.host.keepConnected([{ peerId: alice.peerId, addresses: [address] }])
    await until('the member is connected', () =>
      victim.host.connections().some((c) => c.peerId === bob.peerId && c.direction === 'inbound'),
    )
    expect(sockets.filter((s) => !s.destroyed)).toHaveLength(LIMITS.maxPendingPerStrangerHost)
  })

  it.each([
    { bob: 'stands in the config', expected: new Map([[bob.peerId, ['/ip4/127.0.0.1/tcp/4700']]]), isIn: true },
    { bob: 'was never heard of', expected: new Map(), isIn: false },
    {
      bob: 'stands there as a stranger',
      expected: new Map([[keyPair('c').peerId, ['/ip4/127.0.0.1/tcp/4700']]]),
      isIn: false,
    },
  ])('should leave room for a member that $bob, from many hosts: $isIn', async ({ expected, isIn }) => {
    const victim = await member(alice, expected)
    const [address = ''] = victim.host.addresses()
    const port = Number(/tcp\/(\d+)/.exec(address)?.[1])
    const hosts = Array.from({ length: LIMITS.maxPendingOfStrangers + 8 }, (_, i) => `127.0.1.${i + 1}`)
    await Promise.all(hosts.map((host) => idle(port, host)))
    await until('the rest is refused', () => victim.gate.denials.totals().inbound_full === 8)

    const joining = await member(bob)
    joining.host.keepConnected([{ peerId: alice.peerId, addresses: [address] }])
    const isConnected = () => victim.host.connections().some((c) => c.peerId === bob.peerId)
    await until(
      'the member is in or refused',
      () => isConnected() || (victim.gate.denials.totals().inbound_full ?? 0) > 8,
    )
    expect(isConnected()).toBe(isIn)
  })
})
