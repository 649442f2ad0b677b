import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  asPendingId,
  asSetHash,
  noMetrics,
  type PendingId,
  type SetHash,
  silentLogger,
  systemClock,
} from '../../src/base/index.ts'
import { KeyPair } from '../../src/curve/index.ts'
import { createConnectionGater, Gate } from '../../src/gating/index.ts'
import {
  createP2pHost,
  DIRECT_PROTOCOL,
  type Envelope,
  GOSSIP_PROTOCOLS,
  type P2pHost,
  type Purpose,
  type Topic,
} from '../../src/p2p/index.ts'
import { RPC_PROTOCOL } from '../../src/rpc/index.ts'
import { SCOPE, signerSet } from '../fixtures/sets.ts'
import { gaterOf, LISTEN, until } from '../unit/p2p/hosts.ts'
import { NETWORK, ROUND, TestMetrics, TestRoles } from '../unit/p2p/kit.ts'

/** A node with the real gate, and peers with software of their own that lets everything pass. */
const [self, member, retired, bridge, backup] = Array.from({ length: 5 }, () => KeyPair.generate()) as [
  KeyPair,
  KeyPair,
  KeyPair,
  KeyPair,
  KeyPair,
]
const CURRENT = signerSet([self, member], 2, '11'.repeat(32))
const OLD = signerSet([self, retired], 2, '22'.repeat(32))
const PENDING = asPendingId('33'.repeat(32))
const ports = { clock: systemClock, logger: silentLogger }
// Of that kind, but not the host's own, whose answers would say nothing here.
const ADDRESSES = '/countersign/addresses/test'
const BACKUP = '/countersign/backup/1'

const gate = new Gate({
  registryScope: SCOPE,
  self: self.publicKey,
  bridges: [bridge.peerId],
  backups: [backup.peerId],
  denied: [],
  metrics: noMetrics,
  ...ports,
})
const metrics = new TestMetrics()
const node = createP2pHost({
  keyPair: self,
  listen: [LISTEN.tcp],
  transports: ['tcp'],
  network: NETWORK,
  boot: Date.now(),
  roles: gate,
  connectionGater: createConnectionGater(gate, systemClock),
  ...ports,
  metrics,
})
const topicOf = (scope: SetHash | PendingId, purpose: Purpose): Topic => ({ network: NETWORK, scope, purpose })
const TOPICS = {
  sign: topicOf(CURRENT.hash, 'sign'),
  keygen: topicOf(PENDING, 'keygen'),
  liveness: topicOf(SCOPE, 'liveness'),
  recall: topicOf(OLD.hash, 'sign'),
  foreign: topicOf(asSetHash('44'.repeat(32)), 'sign'),
} as const
const SERVED = [RPC_PROTOCOL, ADDRESSES, BACKUP] as const

const heard: Envelope[] = []
const served: { readonly protocol: string; readonly peer: string }[] = []
const peers = new Map<KeyPair, P2pHost>()

async function join(key: KeyPair): Promise<P2pHost> {
  const roles = new TestRoles(self.peerId, ...[member, retired, bridge, backup].map((k) => k.peerId))
  const host = createP2pHost({
    keyPair: key,
    listen: [],
    transports: ['tcp'],
    network: NETWORK,
    boot: Date.now(),
    roles,
    connectionGater: gaterOf(roles),
    ...ports,
    metrics: new TestMetrics(),
  })
  await host.start()
  for (const topic of Object.values(TOPICS)) host.messenger.join(topic, () => 'accept')
  host.keepConnected([{ peerId: self.peerId, addresses: node.addresses() }])
  await until('the peer is connected', () => node.connections().some((c) => c.peerId === key.peerId))
  return host
}
const of = (key: KeyPair): P2pHost => {
  const host = peers.get(key)
  if (host === undefined) throw new Error('no such peer')
  return host
}
const utterance = (step: string) => ({ round: ROUND, attempt: 1, step, payload: new Uint8Array(4) })

/** A mistake of the test itself must not pass for a refusal. */
function refusedBy(error: unknown): 'refused' {
  if (error instanceof TypeError) throw error
  return 'refused'
}
/** Says it over a direct stream, which answers whether it was taken. */
async function says(key: KeyPair, topic: Topic, step = 'direct'): Promise<'taken' | 'refused'> {
  try {
    await of(key).messenger.send(self.publicKey, topic, utterance(step))
    return 'taken'
  } catch (error) {
    return refusedBy(error)
  }
}
/** Opens a stream and speaks first, as every protocol here does; a refused one ends without an answer. */
async function opens(key: KeyPair, protocol: string): Promise<'served' | 'refused'> {
  try {
    const stream = await of(key).streams.open(self.peerId, protocol, 1_024)
    await stream.write(new Uint8Array(1))
    return (await stream.read()) === undefined ? 'refused' : 'served'
  } catch (error) {
    return refusedBy(error)
  }
}

beforeAll(async () => {
  gate.applySnapshot({
    kind: 'set',
    set: CURRENT,
    tip: { indexBlockHash: '22'.repeat(32), stacksHeight: 7, burnHeight: 7 },
    readAtMs: 0,
  })
  gate.applyPending({ id: PENDING, keys: CURRENT.keys, threshold: 2 })
  gate.applyRecalled([OLD])
  for (const topic of Object.values(TOPICS))
    node.messenger.join(topic, (envelope) => {
      heard.push(envelope)
      return 'accept'
    })
  for (const protocol of SERVED)
    await node.streams.handle(protocol, 1_024, async (stream) => {
      served.push({ protocol, peer: stream.peerId })
      await stream.read()
      await stream.write(new Uint8Array(1))
    })
  await node.start()
  for (const key of [member, retired, bridge, backup]) peers.set(key, await join(key))
})
afterAll(async () => {
  await Promise.all([...peers.values()].map((host) => host.stop()))
  await node.stop()
})

describe('R8: a member of a recalled set, over real connections', () => {
  it('should be heard in the sign topic of that set, by stream and by gossip', async () => {
    expect(await says(retired, TOPICS.recall)).toBe('taken')
    const gossiped = () => heard.some((e) => e.author === retired.publicKey && e.via === 'gossip')
    // A subscription takes a moment to be known; each utterance is another message.
    await until('its gossip is heard', () => {
      void of(retired).messenger.publish(TOPICS.recall, utterance('gossip'))
      return gossiped()
    })
    expect(heard.filter((e) => e.author === retired.publicKey).every((e) => e.topic.scope === OLD.hash)).toBe(true)
  })

  it.each(['sign', 'keygen', 'liveness', 'foreign'] as const)('should not be heard in the topic: %s', async (name) => {
    expect(await says(retired, TOPICS[name], `direct-${name}`)).toBe('refused')
    const droppedBefore = metrics.count('p2p_messages_dropped_total{forwarder_role,gossip}')
    await of(retired).messenger.publish(TOPICS[name], utterance(`gossip-${name}`))
    await until(
      'the drop is counted',
      () => metrics.count('p2p_messages_dropped_total{forwarder_role,gossip}') > droppedBefore,
    )
    expect(heard.some((e) => e.author === retired.publicKey && e.step.endsWith(name))).toBe(false)
  })

  it.each(SERVED)('should not be served %s', async (protocol) => {
    expect(await opens(retired, protocol)).toBe('refused')
    expect(served.some((s) => s.peer === retired.peerId)).toBe(false)
  })

  it('should not be told what is said in the topics of others', async () => {
    const told: Envelope[] = []
    of(retired).messenger.join(TOPICS.sign, (e) => {
      told.push(e)
      return 'accept'
    })
    const toMember: Envelope[] = []
    of(member).messenger.join(TOPICS.sign, (e) => {
      toMember.push(e)
      return 'accept'
    })
    await until('the member is told', () => {
      void node.messenger.publish(TOPICS.sign, utterance('ours'))
      return toMember.length > 0
    })
    expect(told).toEqual([])
  })

  it('should leave a current member without a part in the topic of a set it was not in', async () => {
    expect(await says(member, TOPICS.recall)).toBe('refused')
    expect(await says(member, TOPICS.sign)).toBe('taken')
  })
})

describe.each([
  ['bridge', bridge, [RPC_PROTOCOL]],
  ['backup', backup, [BACKUP]],
] as const)('R15: a %s, over a real connection', (_role, key, granted) => {
  it('should be served what it is there for, and nothing else', async () => {
    for (const protocol of SERVED)
      expect(await opens(key, protocol), protocol).toBe(granted.some((g) => g === protocol) ? 'served' : 'refused')
  })

  it.each([...GOSSIP_PROTOCOLS, DIRECT_PROTOCOL])('should get no stream %s', async (protocol) => {
    expect(await opens(key, protocol)).toBe('refused')
  })

  it('should be heard in no topic, and hear none', async () => {
    for (const topic of Object.values(TOPICS)) expect(await says(key, topic)).toBe('refused')
    const before = heard.length
    const told: Envelope[] = []
    for (const topic of Object.values(TOPICS)) {
      of(key).messenger.join(topic, (e) => {
        told.push(e)
        return 'accept'
      })
      await of(key).messenger.publish(topic, utterance('from-a-client'))
      await node.messenger.publish(topic, utterance('to-members'))
    }
    // A round trip on the same connection: whatever gossip had been let through would have come before.
    expect(await opens(key, granted[0])).toBe('served')
    expect(told).toEqual([])
    expect(heard.slice(before).filter((e) => e.author === key.publicKey)).toEqual([])
  })
})
