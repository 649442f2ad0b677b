import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { makeHost, until } from '../unit/p2p/hosts.ts'
import { keyPair } from '../unit/p2p/kit.ts'

/** A port that is free on both loopback addresses that this test uses. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

test('one DNS name for all members, which at first leads only back here, leads to the others once they are up', async () => {
  const [a, b] = [keyPair('shared a'), keyPair('shared b')]
  const port = await freePort()
  const resolve = async () => [
    { address: '127.0.0.1', family: 4 as const },
    { address: '127.0.0.2', family: 4 as const },
  ]
  const one = makeHost(a, [b.peerId], ['tcp'], [`/ip4/127.0.0.1/tcp/${port}`], { resolve })
  const two = makeHost(b, [a.peerId], ['tcp'], [`/ip4/127.0.0.2/tcp/${port}`])
  try {
    await one.host.start()
    one.host.keepConnected([{ peerId: b.peerId, addresses: [] }], [`/dns4/seeds.example/tcp/${port}`])
    // One of its addresses is nobody's yet, so it is not merely an address of this very node.
    await until('it was dialled', () => one.metrics.count('p2p_seed_dials_total{unreachable}') > 0)
    expect(one.metrics.count('p2p_seed_dials_total{own_address}')).toBe(0)
    await two.host.start()
    await until('they are linked', () => one.host.connections().length > 0)
  } finally {
    await one.host.stop()
    await two.host.stop()
  }
}, 60_000)

test('a seed that is this node itself, and nobody else, is counted as that and dialled on', async () => {
  const [a, b] = [keyPair('shared a'), keyPair('shared b')]
  const port = await freePort()
  const address = `/ip4/127.0.0.1/tcp/${port}`
  const one = makeHost(a, [b.peerId], ['tcp'], [address])
  try {
    await one.host.start()
    one.host.keepConnected([{ peerId: b.peerId, addresses: [] }], [address])
    await until('it was dialled twice', () => one.metrics.count('p2p_seed_dials_total{own_address}') > 1)
  } finally {
    await one.host.stop()
  }
}, 60_000)
