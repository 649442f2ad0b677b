import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { PeerIdStr } from '../../src/base/index.ts'
import type { P2pHost, Transport } from '../../src/p2p/index.ts'
import { fileKeeper } from '../../src/store/index.ts'
import { makeHost, type TestHost, until } from '../unit/p2p/hosts.ts'
import { keyPair } from '../unit/p2p/kit.ts'
import { tempFolders } from '../unit/store/temp-folder.ts'

const running: { stop(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((h) => h.stop()))
})

const folderOf = tempFolders()
const NAMES = ['a', 'b', 'c', 'd'] as const
const keys = NAMES.map((n) => keyPair(`15-${n}`))
const ids = keys.map((k) => k.peerId)
type Extra = Parameters<typeof makeHost>[4]

async function start(i: number, transports: readonly Transport[] = ['tcp'], extra: Extra = {}): Promise<TestHost> {
  const key = keys[i]
  if (key === undefined) throw new Error('no such member')
  const made = makeHost(key, ids, transports, undefined, extra)
  running.push(made.host)
  await made.host.start()
  return made
}
/** As membership does: every member is wanted, addresses are known of few. */
const wantAll = (host: P2pHost, known: readonly P2pHost[] = [], seeds: readonly string[] = []): void =>
  host.keepConnected(
    ids
      .filter((id) => id !== host.peerId)
      .map((peerId) => ({ peerId, addresses: known.find((k) => k.peerId === peerId)?.addresses() ?? [] })),
    seeds,
  )
const linked = (host: P2pHost): Set<PeerIdStr> => new Set(host.connections().map((c) => c.peerId))
const isWhole = (hosts: readonly TestHost[]): boolean =>
  hosts.every(({ host }) => linked(host).size === hosts.length - 1)

/** b, c and d know each other. */
async function threeOthers(): Promise<readonly [TestHost, TestHost, TestHost]> {
  const [b, c, d] = await Promise.all([start(1), start(2), start(3)])
  for (const { host } of [b, c, d]) wantAll(host, [b.host, c.host, d.host])
  await until('the three are linked', () => [b, c, d].every(({ host }) => linked(host).size === 2))
  return [b, c, d]
}

describe('incident 15: an isolated signer', () => {
  it('should recover its links to all from the address of one', async () => {
    const [b, c, d] = await threeOthers()
    const a = await start(0)
    wantAll(a.host, [b.host])
    await until('a is linked to all', () => isWhole([a, b, c, d]))
  })

  it('should recover its links to all when nobody knew it, and it knew one whose key it did not know', async () => {
    const [b, c, d] = await threeOthers()
    const a = await start(0)
    wantAll(
      a.host,
      [],
      b.host.addresses().map((address) => address.replace(/\/p2p\/.*$/, '')),
    )
    await until('a is linked to all', () => isWhole([a, b, c, d]))
  })

  it('should come back from its disk after a restart, with every seed wrong', async () => {
    const folder = folderOf()
    const keeper = fileKeeper(join(folder, 'addresses.bin'))
    const [b, c, d] = await threeOthers()
    const a = await start(0, ['tcp'], { addressKeeper: keeper })
    wantAll(a.host, [b.host])
    await until('a is linked to all', () => isWhole([a, b, c, d]))
    await until('a knows all by record', () => a.metrics.count('p2p_address_records_learned_total{}') >= 3)
    await a.host.stop()
    expect((await readFile(join(folder, 'addresses.bin'))).length).toBeGreaterThan(300)
    // None of the others dials: they have forgotten a, and a has only its disk.
    for (const { host } of [b, c, d]) {
      await host.closePeer(a.host.peerId)
      host.keepConnected([])
    }
    const again = await start(0, ['tcp'], { addressKeeper: keeper })
    again.host.keepConnected(
      ids.filter((id) => id !== again.host.peerId).map((peerId) => ({ peerId, addresses: ['/ip4/127.0.0.1/tcp/1'] })),
    )
    await until('a is linked to all', () => linked(again.host).size === 3)
  })

  it('should be found at its new address by those who learn of it from others', async () => {
    const [b, c, d] = await threeOthers()
    const a = await start(0)
    wantAll(a.host, [b.host])
    await until('a is linked to all', () => isWhole([a, b, c, d]))
    await a.host.stop()
    await until('the loss is noticed', () => [b, c, d].every(({ host }) => !linked(host).has(a.host.peerId)))
    // At another port, and another transport beside it; it dials only b itself.
    const moved = await start(0, ['tcp', 'quic'])
    moved.host.keepConnected([{ peerId: b.host.peerId, addresses: b.host.addresses() }])
    await until('all are linked to a', () => linked(moved.host).size === 3)
    expect(moved.host.connections().filter((x) => x.direction === 'inbound').length).toBeGreaterThanOrEqual(2)
  })

  it('should be told nothing of, and led nowhere by, who is not a member', async () => {
    const [b] = await threeOthers()
    const a = await start(0)
    const outsider = keyPair('15-outsider')
    b.roles.members.add(outsider.peerId)
    const made = makeHost(outsider, [...ids, outsider.peerId], ['tcp'])
    running.push(made.host)
    await made.host.start()
    made.host.keepConnected([{ peerId: b.host.peerId, addresses: b.host.addresses() }])
    await until('b knows the outsider by record', () => linked(b.host).has(outsider.peerId))
    wantAll(a.host, [b.host])
    await until('a was told of the outsider', () => a.metrics.count('p2p_address_records_dropped_total{foreign}') > 0)
    expect(linked(a.host).has(outsider.peerId)).toBe(false)
    expect(made.roles.denials).toEqual([])
  })
})
