import { beforeEach, describe, expect, it } from 'vitest'
import { asPendingId, asSetHash, noMetrics, type PeerIdStr } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import { type ClosePeer, Evictor, Gate, type RegistryTrust } from '../../../src/gating/index.ts'
import { Membership, trustIn } from '../../../src/node/membership.ts'
import type { MeshPeer } from '../../../src/p2p/index.ts'
import type { SignerSet, Snapshot } from '../../../src/registry/index.ts'
import type { PendingSpec } from '../../../src/rounds/index.ts'
import { SCOPE, signerSet } from '../../fixtures/sets.ts'
import { ManualClock, MemoryLogger } from '../registry/support/ports.ts'

const [self, member, leaving, incoming] = Array.from({ length: 4 }, () => KeyPair.generate()) as [
  KeyPair,
  KeyPair,
  KeyPair,
  KeyPair,
]
const tip = { indexBlockHash: '22'.repeat(32), stacksHeight: 7, burnHeight: 7 }
const holding = (set: SignerSet): Snapshot => ({ kind: 'set', set, tip, readAtMs: 0 })
const before = signerSet([self, member, leaving], 2, '11'.repeat(32))
const after = signerSet([self, member, incoming], 2, '22'.repeat(32))
const pendingOf = (keys: readonly KeyPair[]): PendingSpec => ({
  id: asPendingId('ab'.repeat(32)),
  parentSetHash: before.hash,
  keys: keys.map((k) => k.publicKey).toSorted(),
  threshold: 2,
  attempt: 1,
  currentKeys: before.keys,
  currentThreshold: before.threshold,
  principal: before.principal,
})

/** Remembers what it was told, in order, and what the gate said of the leaving key at that moment. */
class FakeHost implements ClosePeer {
  readonly told: { readonly what: 'sweep' | 'keep'; readonly leavingIsWelcome: boolean }[] = []
  readonly closed: PeerIdStr[] = []
  kept: readonly MeshPeer[] = []
  seeds: readonly string[] = []
  failure: Error | undefined
  readonly #welcome: () => boolean
  constructor(welcome: () => boolean) {
    this.#welcome = welcome
  }
  connections() {
    this.told.push({ what: 'sweep', leavingIsWelcome: this.#welcome() })
    if (this.failure !== undefined) throw this.failure
    return []
  }
  async closePeer(peer: PeerIdStr) {
    this.closed.push(peer)
    return { closedConnections: 1 }
  }
  keepConnected(peers: readonly MeshPeer[], seeds: readonly string[] = []): void {
    this.seeds = seeds
    this.told.push({ what: 'keep', leavingIsWelcome: this.#welcome() })
    this.kept = peers
  }
}

let gate: Gate
let host: FakeHost
let logger: MemoryLogger
let membership: Membership
let trust: RegistryTrust
function make(denied: readonly PeerIdStr[] = [], nextKey?: KeyPair): void {
  logger = new MemoryLogger()
  trust = 'fresh'
  const ports = { clock: new ManualClock(), logger, metrics: noMetrics }
  gate = new Gate({ registryScope: SCOPE, self: self.publicKey, bridges: [], denied, ...ports })
  host = new FakeHost(() => gate.mayConnect(leaving.peerId, 'inbound').ok)
  const evictor = new Evictor({ gate, close: host, ...ports })
  const seeds = [
    { peerId: member.peerId, address: '/ip4/127.0.0.1/tcp/1' },
    { peerId: leaving.peerId, address: '/ip4/127.0.0.1/tcp/2' },
    { peerId: member.peerId, address: '/ip4/127.0.0.1/tcp/3' },
    { peerId: undefined, address: '/ip6/0:0:0:0:0:0:0:1/tcp/4' },
  ]
  const own = { self: self.publicKey, nextKey: nextKey?.publicKey }
  membership = new Membership({ ...own, gate, evictor, host, trust: () => trust, seeds, ...ports })
}
beforeEach(() => make())
const kept = (): PeerIdStr[] => host.kept.map((p) => p.peerId).toSorted()
const ids = (...peers: readonly KeyPair[]): PeerIdStr[] => peers.map((p) => p.peerId).toSorted()

describe('a snapshot', () => {
  it('should reach the gate before the evictor sweeps, and the evictor before the mesh', () => {
    membership.applySnapshot(holding(before))
    host.told.length = 0
    membership.applySnapshot(holding(after))
    expect(host.told).toEqual([
      { what: 'sweep', leavingIsWelcome: false },
      { what: 'keep', leavingIsWelcome: false },
    ])
  })

  it('should have removed keys closed by the PeerID of their key', async () => {
    membership.applySnapshot(holding(before))
    membership.applySnapshot(holding(after))
    await expect.poll(() => host.closed).toEqual([leaving.peerId])
  })

  it('should have nobody closed when nobody left', async () => {
    membership.applySnapshot(holding(before))
    membership.applySnapshot(holding(before))
    await new Promise((resolve) => setImmediate(resolve))
    expect(host.closed).toEqual([])
  })

  it('should keep every other member connected, and not itself', () => {
    membership.applySnapshot(holding(before))
    expect(kept()).toEqual(ids(member, leaving))
  })

  it('R7: should not dial its own next key, which speaks over its own links', () => {
    make([], incoming)
    membership.applySnapshot(holding(before))
    membership.applyPending(pendingOf([member, leaving, incoming]))
    expect(kept()).toEqual(ids(member, leaving))
  })

  it('should not keep connected, or dial, a member that the operator denies', () => {
    make([leaving.peerId])
    membership.applySnapshot(holding(before))
    expect(kept()).toEqual(ids(member))
  })

  it('should not keep a removed key connected', () => {
    membership.applySnapshot(holding(before))
    membership.applySnapshot(holding(after))
    expect(kept()).toEqual(ids(member, incoming))
  })

  it('R7: should not keep a removed key connected for a pending set that named it and is still open', () => {
    membership.applySnapshot(holding(before))
    membership.applyPending(pendingOf([self, member, leaving, incoming]))
    expect(kept()).toEqual(ids(member, leaving, incoming))
    membership.applySnapshot(holding(after))
    expect(kept()).toEqual(ids(member, incoming))
  })

  it('should keep the pending set open while the same set is read again', () => {
    membership.applySnapshot(holding(before))
    membership.applyPending(pendingOf([self, member, incoming]))
    membership.applySnapshot(holding(before))
    expect(kept()).toEqual(ids(member, leaving, incoming))
  })

  it('should keep nobody connected once this node itself was removed, and say so once', () => {
    membership.applySnapshot(holding(before))
    membership.applySnapshot(holding(signerSet([member, incoming], 2, '33'.repeat(32))))
    expect(kept()).toEqual([])
    membership.applySnapshot(holding(signerSet([member, incoming], 2, '33'.repeat(32))))
    expect(logger.messages('warn').filter((m) => m.includes('removed'))).toHaveLength(1)
  })

  it('should keep nobody connected while this node stands in no set', () => {
    membership.applySnapshot(holding(signerSet([member, incoming], 2, '33'.repeat(32))))
    expect(kept()).toEqual([])
  })

  it('should reach the mesh even when eviction fails', async () => {
    membership.applySnapshot(holding(before))
    host.failure = new Error('stuck')
    membership.applySnapshot(holding(after))
    expect(kept()).toEqual(ids(member, incoming))
    await expect.poll(() => logger.messages('error')).toEqual(['Eviction failed'])
  })
})

describe('a pending set', () => {
  it('should be admitted by the gate before its members are dialled', () => {
    membership.applySnapshot(holding(before))
    membership.applyPending(pendingOf([self, member, incoming]))
    expect(gate.roleOf(incoming.peerId)).toBe('pending')
    expect(kept()).toEqual(ids(member, leaving, incoming))
  })

  it('should be dropped whole', () => {
    membership.applySnapshot(holding(before))
    membership.applyPending(pendingOf([self, member, incoming]))
    membership.applyPending(undefined)
    expect(gate.roleOf(incoming.peerId)).toBe('none')
    expect(kept()).toEqual(ids(member, leaving))
  })
})

describe('seeds', () => {
  it('should be grouped by PeerID, in the order of the config', () => {
    membership.applySnapshot(holding(before))
    expect(host.kept.find((p) => p.peerId === member.peerId)?.addresses).toEqual([
      '/ip4/127.0.0.1/tcp/1',
      '/ip4/127.0.0.1/tcp/3',
    ])
  })

  it('should be dialled without a PeerID only where the config lists exactly that address', () => {
    membership.applySnapshot(holding(before))
    expect(host.seeds).toEqual(['/ip6/::1/tcp/4'])
    expect(membership.isSeed('/ip6/::1/tcp/4')).toBe(true)
    expect(membership.isSeed('/ip6/::1/tcp/5')).toBe(false)
    expect(membership.isSeed('/ip4/127.0.0.1/tcp/1')).toBe(false)
  })

  it('should not be dialled while this node stands in no set', () => {
    membership.applySnapshot(holding(signerSet([member, incoming], 2, '33'.repeat(32))))
    expect(host.seeds).toEqual([])
  })

  it('should leave a member without one to be found by its own dial', () => {
    membership.applySnapshot(holding(after))
    expect(host.kept.find((p) => p.peerId === incoming.peerId)?.addresses).toEqual([])
  })
})

describe("the operator's lists, reloaded", () => {
  it('should reach the gate before the evictor, and the evictor before the mesh', async () => {
    membership.applySnapshot(holding(before))
    host.told.length = 0
    const closed = membership.applyLists({ bridges: [], denied: [leaving.peerId] })
    // Before the first wait, so that no handshake finds the old lists.
    expect(gate.mayConnect(leaving.peerId, 'inbound').ok).toBe(false)
    membership.applySeeds([])
    await closed
    expect(host.closed).toEqual([leaving.peerId])
    expect(host.told.at(-1)).toEqual({ what: 'keep', leavingIsWelcome: false })
    expect(host.told.every((t) => !t.leavingIsWelcome)).toBe(true)
    expect(kept()).toEqual(ids(member))
  })

  it('should take a member up again that is denied no longer', async () => {
    make([leaving.peerId])
    membership.applySnapshot(holding(before))
    await membership.applyLists({ bridges: [], denied: [] })
    membership.applySeeds([])
    expect(kept()).toEqual(ids(member, leaving))
  })

  it('should replace seeds, and forget those that are gone', () => {
    membership.applySnapshot(holding(before))
    membership.applySeeds([{ peerId: leaving.peerId, address: '/ip4/127.0.0.1/tcp/9' }])
    const addressesOf = (peer: KeyPair) => host.kept.find((p) => p.peerId === peer.peerId)?.addresses
    expect(addressesOf(leaving)).toEqual(['/ip4/127.0.0.1/tcp/9'])
    expect(addressesOf(member)).toEqual([])
  })
})

describe('R5: a stale registry', () => {
  beforeEach(() => {
    membership.applySnapshot(holding(before))
    membership.applyPending(pendingOf([self, member, incoming]))
  })

  it('R5: should keep members and drop the pending set while frozen, and say so once', () => {
    trust = 'frozen'
    membership.refreshTrust()
    membership.refreshTrust()
    expect(kept()).toEqual(ids(member, leaving))
    expect(gate.mayConnect(incoming.peerId, 'inbound').ok).toBe(false)
    expect(logger.messages('warn').filter((m) => m.includes('stale'))).toHaveLength(1)
  })

  it('R5: should take the pending set up again when the registry is fresh', () => {
    trust = 'frozen'
    membership.refreshTrust()
    trust = 'fresh'
    membership.refreshTrust()
    expect(kept()).toEqual(ids(member, leaving, incoming))
    expect(logger.messages('info')).toContain('The registry is fresh again')
  })

  it('R5: should have connections closed and keep nobody while closed', () => {
    trust = 'closed'
    host.told.length = 0
    membership.refreshTrust()
    expect(host.told).toEqual([
      { what: 'sweep', leavingIsWelcome: false },
      { what: 'keep', leavingIsWelcome: false },
    ])
    expect(kept()).toEqual([])
  })

  it('R5: should not admit a pending set that comes while frozen', () => {
    trust = 'frozen'
    membership.applyPending(pendingOf([self, member, incoming]))
    expect(gate.roleOf(incoming.peerId)).toBe('none')
    expect(kept()).toEqual(ids(member, leaving))
  })

  it('R5: should apply a snapshot that is stale already as such, from its first moment', () => {
    trust = 'closed'
    host.told.length = 0
    membership.applySnapshot(holding(before))
    expect(host.told.every((t) => !t.leavingIsWelcome)).toBe(true)
    expect(kept()).toEqual([])
  })

  it('R5: should disturb nobody while nothing changes', () => {
    host.told.length = 0
    membership.refreshTrust()
    expect(host.told).toEqual([])
  })

  it('R5: should be frozen or closed as the operator chose', () => {
    expect([trustIn(false, 'close'), trustIn(true, 'freeze'), trustIn(true, 'close')]).toEqual([
      'fresh',
      'frozen',
      'closed',
    ])
  })
})

describe('R8: a recalled set', () => {
  const recalledTo = (hash: string, keys: readonly KeyPair[]) => ({
    hash: asSetHash(hash),
    keys: keys.map((k) => k.publicKey).toSorted(),
  })
  const old = recalledTo(before.hash, [self, member, leaving])

  beforeEach(() => {
    membership.applySnapshot(holding(before))
    membership.applySnapshot(holding(after))
  })

  it('should be admitted by the gate before its members are dialled', () => {
    host.told.length = 0
    membership.applyRecalled([old])
    expect(host.told).toEqual([
      { what: 'sweep', leavingIsWelcome: true },
      { what: 'keep', leavingIsWelcome: true },
    ])
    expect(kept()).toEqual(ids(member, leaving, incoming))
    expect(gate.roleOf(leaving.peerId)).toBe('retired')
  })

  it('should stay connected over further snapshots', () => {
    membership.applyRecalled([old])
    membership.applySnapshot(holding(signerSet([self, incoming], 2, '44'.repeat(32))))
    expect(kept()).toEqual(ids(member, leaving, incoming))
  })

  it('should have members closed that are in no other set when the recall is over, records and dials too', async () => {
    membership.applyRecalled([old])
    host.told.length = 0
    host.closed.length = 0
    membership.applyRecalled([])
    expect(host.told.map((t) => t.leavingIsWelcome)).toEqual([false, false])
    expect(kept()).toEqual(ids(member, incoming))
    await expect.poll(() => host.closed).toEqual([leaving.peerId])
  })

  it('should not have members closed that another recalled set still holds', async () => {
    const other = recalledTo('55'.repeat(32), [self, leaving])
    membership.applyRecalled([old, other])
    host.closed.length = 0
    membership.applyRecalled([other])
    await new Promise((resolve) => setImmediate(resolve))
    expect(host.closed).toEqual([])
    expect(kept()).toEqual(ids(member, leaving, incoming))
  })

  it('should have a removed node dial the recalled set, and nobody of the current one', () => {
    membership.applySnapshot(holding(signerSet([member, incoming], 2, '33'.repeat(32))))
    expect(kept()).toEqual([])
    membership.applyRecalled([old])
    expect(kept()).toEqual(ids(member, leaving))
    membership.applyRecalled([])
    expect(kept()).toEqual([])
  })

  it('R5: should be dropped while the registry is stale, and taken up again', () => {
    membership.applyRecalled([old])
    trust = 'frozen'
    membership.refreshTrust()
    expect(kept()).toEqual(ids(member, incoming))
    expect(gate.mayConnect(leaving.peerId, 'inbound').ok).toBe(false)
    trust = 'fresh'
    membership.refreshTrust()
    expect(kept()).toEqual(ids(member, leaving, incoming))
  })

  it('should not dial a member that the operator denies', () => {
    make([leaving.peerId])
    membership.applySnapshot(holding(after))
    membership.applyRecalled([old])
    expect(kept()).toEqual(ids(member, incoming))
  })
})

describe('R7: leaving for the next key', () => {
  const recalled = signerSet([self, leaving], 2, '33'.repeat(32))
  const moved = signerSet([member, incoming], 2, '44'.repeat(32))
  it('R7: should admit nobody from that moment, also nobody of a recalled set, and close everybody', () => {
    make()
    membership.applySnapshot(holding(after))
    membership.applyRecalled([recalled])
    expect(gate.mayConnect(leaving.peerId, 'inbound').ok).toBe(true)
    host.closed.length = 0
    membership.leave(holding(moved))
    for (const peer of [leaving, member, incoming]) expect(gate.mayConnect(peer.peerId, 'inbound').ok).toBe(false)
    expect(host.closed).toContain(leaving.peerId)
    expect(host.told.at(-1)).toMatchObject({ what: 'keep', leavingIsWelcome: false })
    expect(host.told.filter((t) => t.what === 'sweep').length).toBeGreaterThan(0)
    expect(host.kept).toEqual([])
  })
  it('R7: should take no word of recalls and rounds any more that are being stopped', () => {
    make()
    membership.applySnapshot(holding(before))
    membership.leave(holding(moved))
    membership.applyRecalled([recalled])
    expect(gate.mayConnect(leaving.peerId, 'inbound').ok).toBe(false)
    membership.applyPending(pendingOf([self, incoming]))
    expect(gate.state.pending).toBeUndefined()
    expect(gate.mayConnect(incoming.peerId, 'inbound').ok).toBe(false)
  })
})
