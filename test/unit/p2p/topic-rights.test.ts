import { describe, expect, it } from 'vitest'
import { topicName } from '../../../src/p2p/index.ts'
import { gossipTables, TopicRights } from '../../../src/p2p/topic-rights.ts'
import { keyPair, TestMetrics, TestRoles, TOPIC, topicOf } from './kit.ts'

const alice = keyPair('alice').peerId
const bob = keyPair('bob').peerId
const NAME = topicName(TOPIC)

function bench() {
  const tables = {
    peers: new Map([alice, bob].map((p) => [p as string, p])),
    topics: new Map<string, Set<string>>(),
    mesh: new Map<string, Set<string>>(),
    fanout: new Map<string, Set<string>>(),
    streamsOutbound: new Map<string, unknown>(),
  }
  const roles = new TestRoles(alice)
  const metrics = new TestMetrics()
  const rights = new TopicRights(tables, roles, metrics)
  const subscribe = (peer: string, topic = NAME) => {
    tables.topics.set(topic, (tables.topics.get(topic) ?? new Set()).add(peer))
    rights.noted(peer, topic, true)
  }
  return { tables, roles, metrics, rights, subscribe }
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
    b.tables.peers.delete(bob)
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
  it('should refuse to work on a library that has changed', () => {
    expect(() => gossipTables({ peers: new Map(), topics: new Map(), mesh: {} })).toThrow(/pin the known version/)
  })
})
