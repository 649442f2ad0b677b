import { gossipsub } from '@libp2p/gossipsub'
import { describe, expect, it } from 'vitest'
import type { PeerIdStr } from '../../../src/base/index.ts'
import { topicName } from '../../../src/p2p/index.ts'
import { gossipTables, TopicRights } from '../../../src/p2p/topic-rights.ts'
import { libp2pPeerId } from './hosts.ts'
import { keyPair, TestMetrics, TestRoles, TOPIC, topicOf } from './kit.ts'

const alice = keyPair('alice').peerId
const bob = keyPair('bob').peerId
const NAME = topicName(TOPIC)

/** The library's own, never started: of what it is given it only needs who it is. */
function realRouter(): object {
  const log = Object.assign(() => {}, { enabled: false, error: () => {}, trace: () => {} })
  const components = { peerId: libp2pPeerId(keyPair('self').peerId), logger: { forComponent: () => log } }
  return gossipsub()(components as unknown as Parameters<ReturnType<typeof gossipsub>>[0])
}

function bench() {
  const router = realRouter()
  const tables = gossipTables(router)
  const peers = tables.peers as Map<string, object>
  for (const peer of [alice, bob]) peers.set(peer, libp2pPeerId(peer))
  const roles = new TestRoles(alice)
  const metrics = new TestMetrics()
  const rights = new TopicRights(tables, roles, metrics)
  const subscribe = (peer: PeerIdStr, topic = NAME) => {
    const isTaken = tables.handleReceivedSubscription(libp2pPeerId(peer), topic, true)
    if (isTaken) rights.noted(peer, topic, true)
    return isTaken
  }
  const budget: ReadonlyMap<string, number> = Reflect.get(router, 'peerTopicBytes')
  return { tables, peers, roles, metrics, rights, subscribe, bytesOf: (peer: string) => budget.get(peer) ?? 0 }
}

describe('rights to topics', () => {
  it('R15: should leave a subscription with right alone', () => {
    const b = bench()
    b.subscribe(alice)
    expect(b.tables.topics.get(NAME)).toEqual(new Set([alice]))
  })
  it('R15: should remove a subscription without right, count and tell it', () => {
    const b = bench()
    b.subscribe(bob)
    expect(b.tables.topics.size).toBe(0)
    expect(b.metrics.count('p2p_subscriptions_dropped_total{}')).toBe(1)
    expect(b.roles.denials).toEqual([{ peer: bob, reason: 'not_in_registry', where: 'gossip' }])
  })
  it('R15: should remove a subscription to what is no topic of ours, even of a member', () => {
    const b = bench()
    b.subscribe(alice, 'anything')
    expect(b.tables.topics.size).toBe(0)
  })
  it('R15: should take a peer without right out of the mesh and the fanout', () => {
    const b = bench()
    b.tables.mesh.set(NAME, new Set([alice, bob]))
    b.tables.fanout.set(NAME, new Set([alice, bob]))
    b.rights.grafted(bob, NAME)
    expect([b.tables.mesh.get(NAME), b.tables.fanout.get(NAME)]).toEqual([new Set([alice]), new Set([alice])])
  })
  it('R15: should find who has lost the right since', () => {
    const b = bench()
    b.subscribe(alice)
    b.tables.mesh.set(NAME, new Set([alice]))
    b.roles.members.delete(alice)
    b.rights.sweep()
    expect([b.tables.topics.size, b.tables.mesh.get(NAME)]).toEqual([0, new Set()])
  })
  it('R15: should look at one topic only, if told so', () => {
    const b = bench()
    const other = topicName(topicOf('set 2'))
    b.subscribe(alice)
    b.subscribe(alice, other)
    b.roles.members.delete(alice)
    b.rights.sweep(other)
    expect([...b.tables.topics.keys()]).toEqual([NAME])
  })
  it('should restore a subscription that came before the right to it', () => {
    const b = bench()
    b.subscribe(bob)
    b.roles.members.add(bob)
    b.rights.sweep(NAME)
    expect(b.tables.topics.get(NAME)).toEqual(new Set([bob]))
  })
  it('should not restore what the peer has taken back, or who is gone', () => {
    const b = bench()
    b.subscribe(bob)
    b.subscribe(bob, topicName(topicOf('set 2')))
    b.rights.noted(bob, NAME, false)
    b.roles.members.add(bob)
    b.rights.sweep(NAME)
    b.peers.delete(bob)
    b.rights.sweep()
    expect(b.tables.topics.size).toBe(0)
  })
  it('should hold only so many subscriptions of one peer', () => {
    const b = bench()
    for (let i = 0; i < 1_000; i++) b.subscribe(bob, topicName(topicOf(`set ${i}`)))
    b.roles.members.add(bob)
    b.rights.sweep()
    expect(b.tables.topics.size).toBe(32)
  })
  it('should cost a peer nothing of what the library lets it fill: set aside or taken back, it is refunded', () => {
    const b = bench()
    for (let i = 0; i < 3_000; i++) expect(b.subscribe(bob, topicName(topicOf(`set ${i}`)))).toBe(true)
    expect(b.bytesOf(bob)).toBe(0)
    b.roles.members.add(bob)
    b.rights.sweep()
    expect(b.bytesOf(bob)).toBeGreaterThan(0)
    b.roles.members.delete(bob)
    b.rights.sweep()
    expect([b.bytesOf(bob), b.tables.topics.size]).toEqual([0, 0])
  })
  it('should refuse to work on a library that has changed', () => {
    expect(() => gossipTables({ peers: new Map(), topics: new Map(), mesh: {} })).toThrow(/pin the known version/)
  })
})
