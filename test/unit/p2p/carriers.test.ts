import { describe, expect, it } from 'vitest'
import { LIMITS, type PublicKey, utf8 } from '../../../src/base/index.ts'
import type { KeyPair } from '../../../src/curve/index.ts'
import { Carriers } from '../../../src/p2p/carriers.ts'
import { sealEnvelope } from '../../../src/p2p/envelope.ts'
import { topicName } from '../../../src/p2p/index.ts'
import { type Arrival, EnvelopeIntake } from '../../../src/p2p/intake.ts'
import { EnvelopeMessenger } from '../../../src/p2p/messenger.ts'
import { keyPair, logger, ROUND, TestClock, TestMetrics, TestRoles, TOPIC, topicOf } from './kit.ts'

const self = keyPair('self')
const [oldKey, nextKey, other] = [keyPair('old'), keyPair('next'), keyPair('other')]
const BOOT = 1_700_000_000_000
const NAME = topicName(TOPIC)

function bench() {
  const clock = new TestClock()
  const metrics = new TestMetrics()
  const roles = new TestRoles(self.peerId, oldKey.peerId, nextKey.peerId, other.peerId)
  const elsewhere: number[] = []
  const intake = new EnvelopeIntake({
    ...{ network: TOPIC.network, self: self.publicKey, boot: BOOT, roles, clock, logger, metrics },
    onOwnKeyElsewhere: (boot) => elsewhere.push(boot),
  })
  intake.join(TOPIC, () => 'accept')
  intake.join(topicOf('set 2'), () => 'accept')
  let counter = 0
  const wire = (author: KeyPair, topic = TOPIC, boot = BOOT) =>
    sealEnvelope(author, topicName(topic), {
      ...{ round: ROUND, attempt: 0, step: 'share', payload: utf8('x'), boot, counter: counter++ },
      expiresAtMs: clock.now() + LIMITS.envelopeTtlMs,
    })
  const admit = (author: KeyPair, forwarder: KeyPair, topic = TOPIC, via: Arrival['via'] = 'direct') =>
    intake.admit({ topic: topicName(topic), data: wire(author, topic), forwarder: forwarder.peerId, via })
  const sent: { to: string; name: string }[] = []
  const messenger = new EnvelopeMessenger({
    ...{ keyPair: self, boot: BOOT, intake, clock, metrics, subscribe: () => {}, unsubscribe: () => {} },
    publish: async () => {},
    send: async (to, name) => void sent.push({ to, name }),
  })
  return { intake, roles, admit, wire, sent, messenger, elsewhere }
}
const utterance = { round: ROUND, attempt: 0, step: 'share', payload: utf8('x') }

describe('a key that is carried over another link (R7)', () => {
  it('R7: should be believed on a direct stream of its carrier', () => {
    const { intake, admit } = bench()
    intake.carriers.carry(NAME, nextKey.publicKey, oldKey.publicKey)
    expect(admit(nextKey, oldKey).verdict).toBe('accept')
  })
  it('R7: should not be believed there without a statement, nor after its end', () => {
    const { intake, admit } = bench()
    expect(admit(nextKey, oldKey)).toEqual({ verdict: 'reject', dropped: 'author_mismatch' })
    intake.carriers.carry(NAME, nextKey.publicKey, oldKey.publicKey)()
    expect(admit(nextKey, oldKey)).toEqual({ verdict: 'reject', dropped: 'author_mismatch' })
  })
  it('R7: should not be believed under another topic', () => {
    const { intake, admit } = bench()
    intake.carriers.carry(NAME, nextKey.publicKey, oldKey.publicKey)
    expect(admit(nextKey, oldKey, topicOf('set 2')).dropped).toBe('author_mismatch')
  })
  it('R7: should not be believed over a third link, and its carrier carries nobody else', () => {
    const { intake, admit } = bench()
    intake.carriers.carry(NAME, nextKey.publicKey, oldKey.publicKey)
    expect(admit(nextKey, other).dropped).toBe('author_mismatch')
    expect(admit(other, oldKey).dropped).toBe('author_mismatch')
    expect(admit(oldKey, nextKey).dropped).toBe('author_mismatch')
  })
  it('R15: should need the rights of both, of author and of carrier', () => {
    const { intake, admit, roles } = bench()
    intake.carriers.carry(NAME, nextKey.publicKey, oldKey.publicKey)
    roles.members.delete(oldKey.peerId)
    expect(admit(nextKey, oldKey).dropped).toBe('forwarder_role')
    roles.members.add(oldKey.peerId)
    roles.members.delete(nextKey.peerId)
    expect(admit(nextKey, oldKey).dropped).toBe('author_role')
  })
  it('should be reached over its carrier under that topic, and by itself under others', async () => {
    const { intake, messenger, sent } = bench()
    const stop = intake.carriers.carry(NAME, nextKey.publicKey, oldKey.publicKey)
    await messenger.send(nextKey.publicKey, TOPIC, utterance)
    await messenger.send(nextKey.publicKey, topicOf('set 2'), utterance)
    stop()
    await messenger.send(nextKey.publicKey, TOPIC, utterance)
    expect(sent.map((s) => s.to)).toEqual([oldKey.peerId, nextKey.peerId, nextKey.peerId])
  })
  it('R17: should not be heard by the node that speaks with it, unless it is another process', () => {
    const { intake, admit, wire, elsewhere } = bench()
    intake.speakAs(nextKey.publicKey)
    expect(admit(nextKey, oldKey, TOPIC, 'gossip').dropped).toBe('own_key')
    expect(elsewhere).toEqual([])
    const data = wire(nextKey, TOPIC, BOOT + 1)
    intake.admit({ topic: NAME, data, forwarder: oldKey.peerId, via: 'gossip' })
    expect(elsewhere).toEqual([BOOT + 1])
  })
})

describe('Carriers', () => {
  it('should keep the first carrier of a key until that is stopped', () => {
    const carriers = new Carriers()
    const stop = carriers.carry(NAME, nextKey.publicKey, oldKey.publicKey)
    const stopSecond = carriers.carry(NAME, nextKey.publicKey, other.publicKey)
    stopSecond()
    expect(carriers.linkOf(NAME, nextKey.publicKey)).toBe(oldKey.peerId)
    stop()
    carriers.carry(NAME, nextKey.publicKey, other.publicKey)
    // Called twice, it must not end what came after.
    stop()
    expect(carriers.linkOf(NAME, nextKey.publicKey)).toBe(other.peerId)
  })
  it('should hold no more of them than a set has members', () => {
    const carriers = new Carriers()
    const keys = Array.from({ length: LIMITS.maxSigners + 1 }, (_, i) => keyPair(`carried ${i}`).publicKey)
    for (const key of keys) carriers.carry(NAME, key, oldKey.publicKey)
    expect(keys.filter((key) => carriers.linkOf(NAME, key) !== undefined)).toHaveLength(LIMITS.maxSigners)
    expect(carriers.linkOf(NAME, keys.at(-1) as PublicKey)).toBeUndefined()
  })
})
