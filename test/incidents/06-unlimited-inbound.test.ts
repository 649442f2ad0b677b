import { connect, type Socket } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, describe, expect, it } from 'vitest'
import { LIMITS, systemClock } from '../../src/base/index.ts'
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
async function member(key: typeof alice) {
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
    connectionGater: createConnectionGater(gate, systemClock),
    ...ports,
  })
  closing.push(() => host.stop())
  await host.start()
  return { gate, host }
}

/** Connects from another host and says nothing. */
async function idle(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, localAddress: '127.0.0.2' })
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
})
