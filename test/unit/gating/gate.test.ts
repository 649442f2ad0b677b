import { describe, expect, it } from 'vitest'
import { asPendingId, asSetHash, noMetrics, type PeerIdStr, silentLogger } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import { type ClosePeer, Evictor, Gate } from '../../../src/gating/index.ts'
import type { SignerSet, Snapshot } from '../../../src/registry/index.ts'
import { SCOPE, signerSet } from '../../fixtures/sets.ts'
import { CountingMetrics, ManualClock, MemoryLogger } from '../registry/support/ports.ts'

const [self, member, leaving, incoming, stranger, bridge] = Array.from({ length: 6 }, () => KeyPair.generate()) as [
  KeyPair,
  KeyPair,
  KeyPair,
  KeyPair,
  KeyPair,
  KeyPair,
]
let nowMs = 1_000
const clock = { now: () => nowMs, monotonicMs: () => nowMs, after: () => () => {} }
const ports = { clock, logger: silentLogger, metrics: noMetrics }
const tip = { indexBlockHash: '22'.repeat(32), stacksHeight: 7, burnHeight: 7 }
const holding = (set: SignerSet): Snapshot => ({ kind: 'set', set, tip, readAtMs: 0 })
const before = signerSet([self, member, leaving], 2, '11'.repeat(32))
const after = signerSet([self, member, incoming], 2, '22'.repeat(32))

const gateWith = (snapshot: Snapshot): Gate => {
  const gate = new Gate({ registryScope: SCOPE, self: self.publicKey, bridges: [bridge.peerId], denied: [], ...ports })
  gate.applySnapshot(snapshot)
  return gate
}

/** A host that remembers what was closed. */
class FakeHost implements ClosePeer {
  readonly closed: PeerIdStr[] = []
  readonly open: { peerId: PeerIdStr; direction: 'inbound' | 'outbound' }[]
  constructor(peers: readonly PeerIdStr[]) {
    this.open = peers.map((peerId) => ({ peerId, direction: 'inbound' as const }))
  }
  connections() {
    return this.open
  }
  async closePeer(peer: PeerIdStr) {
    this.closed.push(peer)
    nowMs += 5
    return { closedConnections: 1 }
  }
}

describe('Gate', () => {
  it('should admit nobody before the registry was read', () => {
    const gate = new Gate({ registryScope: SCOPE, self: self.publicKey, bridges: [], denied: [], ...ports })
    expect(gate.mayConnect(member.peerId, 'inbound')).toEqual({ ok: false, reason: 'not_ready' })
  })

  it('should refuse a removed key as soon as the snapshot is applied', () => {
    const gate = gateWith(holding(before))
    expect(gate.mayConnect(leaving.peerId, 'inbound').ok).toBe(true)
    gate.applySnapshot(holding(after))
    expect(gate.mayConnect(leaving.peerId, 'inbound')).toEqual({ ok: false, reason: 'not_in_registry' })
  })

  it('R7: should forget the pending set with its parent, before anyone drops it', () => {
    const gate = gateWith(holding(before))
    gate.applyPending({ id: asPendingId('ab'.repeat(32)), keys: [stranger.publicKey], threshold: 2 })
    expect(gate.roleOf(stranger.peerId)).toBe('pending')
    gate.applySnapshot(holding(after))
    expect(gate.roleOf(stranger.peerId)).toBe('none')
  })

  it('should keep the pending set while the same set is read again', () => {
    const gate = gateWith(holding(before))
    gate.applyPending({ id: asPendingId('ab'.repeat(32)), keys: [incoming.publicKey], threshold: 2 })
    gate.applySnapshot(holding({ ...before, hash: asSetHash(before.hash) }))
    expect(gate.roleOf(incoming.peerId)).toBe('pending')
  })

  it('should serve nobody once its own key left the set, and again when it is back', () => {
    const gate = gateWith(holding(before))
    gate.applySnapshot(holding(signerSet([member, incoming], 2, '33'.repeat(32))))
    expect(gate.mayConnect(member.peerId, 'inbound')).toEqual({ ok: false, reason: 'self_removed' })
    expect(gate.mayConnect(bridge.peerId, 'inbound')).toEqual({ ok: false, reason: 'self_removed' })
    gate.applySnapshot(holding(before))
    expect(gate.mayConnect(member.peerId, 'inbound').ok).toBe(true)
  })

  it('R9: should go on serving nobody when the sets after its removal change', () => {
    const gate = gateWith(holding(before))
    gate.applySnapshot(holding(signerSet([member, leaving], 2, '33'.repeat(32))))
    gate.applySnapshot(holding(signerSet([member, incoming], 2, '44'.repeat(32))))
    expect(gate.state.selfRemoved).toBe(true)
    expect(gate.mayConnect(bridge.peerId, 'inbound')).toEqual({ ok: false, reason: 'self_removed' })
  })

  it('R9: should serve nobody after a restart either, where its key was in a set that was seen before', () => {
    const gate = new Gate({
      registryScope: SCOPE,
      self: self.publicKey,
      bridges: [bridge.peerId],
      denied: [],
      ...ports,
    })
    gate.applySnapshot(holding(signerSet([member, incoming], 2, '33'.repeat(32))), true)
    expect(gate.state.selfRemoved).toBe(true)
    expect(gate.mayConnect(bridge.peerId, 'inbound')).toEqual({ ok: false, reason: 'self_removed' })
    gate.applySnapshot(holding(before), true)
    expect(gate.state.selfRemoved).toBe(false)
    expect(gate.mayConnect(bridge.peerId, 'inbound').ok).toBe(true)
  })

  it('R6: should not take itself for removed by a registry without any set', () => {
    const gate = new Gate({ registryScope: SCOPE, self: self.publicKey, bridges: [], denied: [], ...ports })
    gate.applySnapshot({ kind: 'uninitialised', deployer: 'SN000000000000000000002Q6VF78', tip, readAtMs: 0 }, true)
    expect(gate.state.selfRemoved).toBe(false)
  })

  it("should take the operator's lists over in one swap, and leave everything else as it is", () => {
    const gate = gateWith(holding(before))
    gate.applyPending({ id: asPendingId('ab'.repeat(32)), keys: [incoming.publicKey], threshold: 2 })
    const kept = gate.state
    gate.applyLists({ bridges: [stranger.peerId], denied: [member.peerId] })
    expect(gate.mayConnect(member.peerId, 'inbound')).toEqual({ ok: false, reason: 'denied_by_operator' })
    expect(gate.roleOf(bridge.peerId)).toBe('none')
    expect(gate.roleOf(stranger.peerId)).toBe('bridge')
    expect(gate.state).toEqual({
      ...kept,
      bridges: new Set([stranger.peerId]),
      backups: new Set(),
      denied: new Set([member.peerId]),
    })
    // Whoever holds the old state decides by all of it.
    expect(kept.denied.size).toBe(0)
  })

  it('should write few lines about however many strangers, and say how many it left out', () => {
    const [clock, memory] = [new ManualClock(), new MemoryLogger()]
    const gate = new Gate({
      ...{ self: self.publicKey, bridges: [], denied: [] },
      ...{ registryScope: SCOPE, clock, logger: memory, metrics: noMetrics },
    })
    const lines = () => memory.lines.filter((l) => l.message === 'Denied')
    for (let i = 0; i < 500; i++) gate.denied(`stranger ${i}` as PeerIdStr, 'not_in_registry', 'connection')
    const atOnce = lines().length
    expect(atOnce).toBeLessThanOrEqual(60)
    clock.advance(1_000)
    gate.denied('one more' as PeerIdStr, 'not_in_registry', 'connection')
    expect(lines()).toHaveLength(atOnce + 1)
    expect(lines().at(-1)?.fields).toMatchObject({ peerId: 'one more', unlogged: 500 - atOnce })
    expect(gate.denials.totals()).toEqual({ not_in_registry: 501 })
  })

  it('should count what honest peers are refused in a rotation, and warn of nothing', () => {
    const [clock, memory] = [new ManualClock(), new MemoryLogger()]
    const gate = new Gate({
      ...{ self: self.publicKey, bridges: [], denied: [] },
      ...{ registryScope: SCOPE, clock, logger: memory, metrics: noMetrics },
    })
    for (let i = 0; i < 500; i++) gate.denied(`member ${i}` as PeerIdStr, 'topic_of_another_set', 'gossip')
    expect(memory.messages('warn')).toEqual([])
    expect(memory.messages('debug').length).toBeGreaterThan(0)
    expect(memory.messages('debug').length).toBeLessThanOrEqual(60)
    expect(gate.denials.totals()).toEqual({ topic_of_another_set: 500 })
    // It keeps no warning out of the log, of the same peer neither.
    gate.denied('member 499' as PeerIdStr, 'no_right_to_topic', 'gossip')
    expect(memory.lines.at(-1)?.fields).toEqual({ peerId: 'member 499', reason: 'no_right_to_topic', place: 'gossip' })
    expect(memory.messages('warn')).toEqual(['Denied'])
  })

  it('should count denials and keep only the latest few strangers', () => {
    const gate = gateWith(holding(before))
    for (let i = 0; i < 500; i++) gate.denied(KeyPair.generate().peerId, 'not_in_registry', 'connection')
    expect(gate.denials.totals()).toEqual({ not_in_registry: 500 })
    expect(gate.denials.recent().length).toBeLessThanOrEqual(64)
  })

  it('should remember a stranger, however often honest peers are refused in a rotation, and the other way round', () => {
    const clock = new ManualClock()
    const gate = new Gate({
      ...{ self: self.publicKey, bridges: [], denied: [] },
      ...{ registryScope: SCOPE, clock, logger: silentLogger, metrics: noMetrics },
    })
    gate.denied(stranger.peerId, 'not_in_registry', 'connection')
    clock.advance(1)
    for (let i = 0; i < 500; i++) gate.denied(member.peerId, 'topic_of_another_set', 'gossip')
    clock.advance(1)
    gate.denied(leaving.peerId, 'no_right_to_topic', 'gossip')
    const [first, ...rest] = gate.denials.recent().map((d) => d.peerId)
    expect([first, rest.at(-1)]).toEqual([stranger.peerId, leaving.peerId])
    expect(rest).toHaveLength(65)
    for (let i = 0; i < 500; i++) gate.denied(stranger.peerId, 'not_in_registry', 'connection')
    expect(gate.denials.recent().filter((d) => d.peerId === member.peerId)).toHaveLength(64)
  })
})

describe('Evictor', () => {
  const evictorOf = (gate: Gate, host: FakeHost) => new Evictor({ gate, close: host, ...ports })

  it('should close removed keys and keep members and bridges', async () => {
    const gate = gateWith(holding(before))
    const host = new FakeHost([member.peerId, leaving.peerId, bridge.peerId])
    const evictor = evictorOf(gate, host)
    gate.applySnapshot(holding(after))
    await evictor.sweep([leaving.peerId], nowMs)
    expect(host.closed).toEqual([leaving.peerId])
    expect(evictor.last()?.peers).toEqual([leaving.peerId])
    expect(evictor.last()?.closedMs).toBeGreaterThan(0)
  })

  it('should close a member and a bridge that the operator denies, and nobody else', async () => {
    const gate = new Gate({
      registryScope: SCOPE,
      self: self.publicKey,
      bridges: [bridge.peerId],
      denied: [leaving.peerId, bridge.peerId],
      ...ports,
    })
    gate.applySnapshot(holding(before))
    const host = new FakeHost([member.peerId, leaving.peerId, bridge.peerId])
    await evictorOf(gate, host).sweep([], nowMs)
    expect(host.closed.toSorted()).toEqual([leaving.peerId, bridge.peerId].toSorted())
  })

  it("should close whom the operator's lists deny now or give another role, and nobody else", async () => {
    const gate = gateWith(holding(before))
    const host = new FakeHost([member.peerId, leaving.peerId, bridge.peerId])
    const before_ = gate.state
    // A member that becomes a bridge holds streams that it opened as a member.
    gate.applyLists({ bridges: [leaving.peerId], denied: [stranger.peerId] })
    await evictorOf(gate, host).sweepLists(before_, nowMs)
    expect(host.closed.toSorted()).toEqual([leaving.peerId, bridge.peerId, stranger.peerId].toSorted())
  })

  it('should close nobody when the lists stayed the same', async () => {
    const gate = gateWith(holding(before))
    const host = new FakeHost([member.peerId, bridge.peerId])
    const unchanged = gate.state
    gate.applyLists({ bridges: [bridge.peerId], denied: [] })
    await evictorOf(gate, host).sweepLists(unchanged, nowMs)
    expect(host.closed).toEqual([])
  })

  it('should tear down dials and records of a removed key that holds no connection', async () => {
    const gate = gateWith(holding(after))
    const host = new FakeHost([])
    await evictorOf(gate, host).sweep([leaving.peerId], nowMs)
    expect(host.closed).toEqual([leaving.peerId])
  })

  it('should close a handshake that passed the old gate and landed after the sweep', async () => {
    const gate = gateWith(holding(after))
    const host = new FakeHost([])
    const evictor = evictorOf(gate, host)
    await evictor.recheck(leaving.peerId, 'inbound')
    await evictor.recheck(member.peerId, 'inbound')
    expect(host.closed).toEqual([leaving.peerId])
    expect(gate.denials.totals()).toEqual({ not_in_registry: 1 })
  })

  it('should count whom it closes, by cause', async () => {
    const metrics = new CountingMetrics()
    const evictor = new Evictor({ gate: gateWith(holding(after)), close: new FakeHost([]), ...ports, metrics })
    await evictor.sweep([leaving.peerId], nowMs)
    await evictor.recheck(leaving.peerId, 'inbound')
    await evictor.recheck(member.peerId, 'inbound')
    const of = (cause: string) => metrics.of('gate_evictions_total', cause)
    expect([of('lost_role'), of('late_handshake')]).toEqual([1, 1])
  })

  it('should close everyone when this node itself was removed', async () => {
    const gate = gateWith(holding(before))
    const host = new FakeHost([member.peerId, bridge.peerId])
    gate.applySnapshot(holding(signerSet([member, incoming], 2, '33'.repeat(32))))
    await evictorOf(gate, host).sweep([], nowMs)
    expect(host.closed.toSorted()).toEqual([member.peerId, bridge.peerId].toSorted())
  })

  it('should go on when closing one peer fails', async () => {
    const gate = gateWith(holding(after))
    const host = new FakeHost([leaving.peerId, stranger.peerId])
    const closePeer = host.closePeer.bind(host)
    host.closePeer = async (peer) => {
      if (peer === leaving.peerId) throw new Error('stuck')
      return await closePeer(peer)
    }
    await evictorOf(gate, host).sweep([], nowMs)
    expect(host.closed).toEqual([stranger.peerId])
  })
})
