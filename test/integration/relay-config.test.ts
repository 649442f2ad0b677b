import { afterEach, expect, it } from 'vitest'
import { silentLogger, systemClock } from '../../src/base/index.ts'
import type { KeyPair } from '../../src/curve/index.ts'
import { parseConfig } from '../../src/node/config/index.ts'
import { createNetwork, type NetworkParts } from '../../src/node/network-parts.ts'
import { PromMetrics } from '../../src/status/index.ts'
import { signerSet } from '../fixtures/sets.ts'
import { configText } from '../unit/node/config-text.ts'
import { LISTEN, until } from '../unit/p2p/hosts.ts'
import { keyPair } from '../unit/p2p/kit.ts'

const [relay, bob, carol] = ['relay', 'bob', 'carol'].map(keyPair) as [KeyPair, KeyPair, KeyPair]

const running: NetworkParts[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map(({ host }) => host.stop()))
})

/** The network of a node as its config says, with a snapshot of the members. */
async function start(
  key: KeyPair,
  listen: readonly string[],
  nat: string,
  members: readonly KeyPair[] = [relay, bob, carol],
): Promise<NetworkParts> {
  const config = parseConfig(
    configText(key.publicKey, {
      listen: JSON.stringify(listen),
      p2p: 'transports = ["tcp"]',
      tail: `[p2p.nat]\n${nat}`,
    }),
    '/etc/countersign/signer.toml',
    { methods: [] },
  )
  const parts = createNetwork({
    config,
    key: { keyPair: key },
    watcher: { stale: () => false },
    boot: Date.now(),
    clock: systemClock,
    logger: silentLogger,
    metrics: new PromMetrics(),
  })
  running.push(parts)
  await parts.host.start()
  parts.membership.applySnapshot({
    kind: 'set',
    set: signerSet(members),
    tip: { indexBlockHash: '22'.repeat(32), stacksHeight: 7, burnHeight: 7 },
    readAtMs: 0,
  })
  return parts
}

it('should join through the relay of its config, with no seeds and no address to listen at', async () => {
  const a = await start(relay, [LISTEN.tcp], 'relay_server = true')
  const relays = `relays = ["${a.host.addresses()[0]}"]`
  const [b, c] = await Promise.all([start(bob, [], relays), start(carol, [], relays)])
  const linksOf = ({ host }: NetworkParts) => host.connections().map((l) => `${l.transport} ${l.peerId}`)
  await until('the mesh is full', () => [b, c].every((n) => new Set(linksOf(n)).size >= 2))
  expect(linksOf(b)).toEqual(expect.arrayContaining([`tcp ${relay.peerId}`, `relay ${carol.peerId}`]))
  expect(linksOf(c)).toEqual(expect.arrayContaining([`tcp ${relay.peerId}`, `relay ${bob.peerId}`]))
})

it('should find the relay where its config says, even if nobody is to be reached through it', async () => {
  const set = [relay, bob]
  const a = await start(relay, [LISTEN.tcp], 'relay_server = true', set)
  const b = await start(bob, [], `relays = ["${a.host.addresses()[0]}"]`, set)
  await until('waiting at the relay', () => b.host.addresses().length > 0)
})
