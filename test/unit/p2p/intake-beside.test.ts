import { beforeEach, describe, expect, it } from 'vitest'
import { LIMITS, type PublicKey, utf8 } from '../../../src/base/index.ts'
import type { KeyPair } from '../../../src/curve/index.ts'
import { sealEnvelope } from '../../../src/p2p/envelope.ts'
import { type Topic, topicName } from '../../../src/p2p/index.ts'
import { type Arrival, EnvelopeIntake } from '../../../src/p2p/intake.ts'
import { keyPair, logger, ROUND, TestClock, TestMetrics, TestRoles, TOPIC, topicOf } from './kit.ts'

const self = keyPair('self')
const alice = keyPair('alice')
const bob = keyPair('bob')
const LIVENESS: Topic = { ...TOPIC, purpose: 'liveness' }
const NAME = topicName(LIVENESS)

let clock: TestClock
let roles: TestRoles
let metrics: TestMetrics
let intake: EnvelopeIntake
let clocks: [PublicKey, number][]
let doubles: [PublicKey, Uint8Array][]
let elsewhere: number[]
let boot: number
let counter: number
beforeEach(() => {
  clock = new TestClock()
  metrics = new TestMetrics()
  clocks = []
  doubles = []
  elsewhere = []
  counter = 0
  roles = new TestRoles(self.peerId, alice.peerId, bob.peerId)
  boot = clock.now()
  intake = new EnvelopeIntake({
    network: LIVENESS.network,
    self: self.publicKey,
    boot,
    roles,
    clock,
    logger,
    metrics,
    onOwnKeyElsewhere: (b) => elsewhere.push(b),
    onMemberClock: (member, offsetMs) => clocks.push([member, offsetMs]),
    onDoubleVoice: (member, wire) => doubles.push([member, wire]),
  })
  intake.join(LIVENESS, () => 'accept')
  intake.join(TOPIC, () => 'accept')
})
const wire = (change: { author?: KeyPair; boot?: number; saidAtMs?: number; topic?: Topic } = {}) =>
  sealEnvelope(change.author ?? alice, topicName(change.topic ?? LIVENESS), {
    round: ROUND,
    attempt: 0,
    step: 'test',
    payload: utf8('words'),
    boot: change.boot ?? boot,
    counter: counter++,
    expiresAtMs: (change.saidAtMs ?? clock.now()) + LIMITS.envelopeTtlMs,
  })
const admit = (data: Uint8Array, change: Partial<Arrival> = {}) =>
  intake.admit({ topic: NAME, data, forwarder: alice.peerId, via: 'gossip', ...change }).dropped
const flipped = (bytes: Uint8Array): Uint8Array => {
  const bad = bytes.slice()
  bad[bad.length - 1] = (bad[bad.length - 1] ?? 0) ^ 1
  return bad
}

describe('R17: a clock that is told of by messages refused for their time', () => {
  it.each([
    ['too far ahead', 2 * LIMITS.clockSkewMs, 'expires_too_late'],
    ['far behind', -(LIMITS.envelopeTtlMs + 2 * LIMITS.clockSkewMs), 'expired'],
  ])('should be its own when it is %s', (_what, offsetMs, dropped) => {
    expect(admit(wire({ saidAtMs: clock.now() + offsetMs }))).toBe(dropped)
    expect(clocks).toEqual([[alice.publicKey, offsetMs]])
  })
  it('should not be taken from what another member passes on', () => {
    admit(wire({ saidAtMs: clock.now() + 2 * LIMITS.clockSkewMs }), { forwarder: bob.peerId })
    expect(clocks).toEqual([])
  })
  it('should not be taken from a replay', () => {
    const data = wire()
    admit(data)
    clock.advance(10 * LIMITS.clockSkewMs)
    expect(admit(data)).toBe('replay')
    expect(clocks).toEqual([])
  })
})

describe("R17: a member's older boot that still speaks", () => {
  const newer = () => admit(wire({ boot: clock.now() }))
  beforeEach(() => {
    newer()
    clock.advance(LIMITS.clockSkewMs + 1)
  })
  it('should be told of, with the envelope that proves it, and still be dropped', () => {
    const data = wire({ boot: boot - 9 })
    expect(admit(data)).toBe('older_boot')
    expect(doubles).toEqual([[alice.publicKey, data]])
  })
  it('should not be told of for words from before the newer boot, which are only late', () => {
    admit(wire({ boot: boot - 9, saidAtMs: boot + LIMITS.clockSkewMs }))
    expect(doubles).toEqual([])
  })
  it('should not be told of for a forgery, nor for words that have expired', () => {
    admit(flipped(wire({ boot: boot - 9 })))
    const old = wire({ boot: boot - 9 })
    clock.advance(LIMITS.envelopeTtlMs + LIMITS.clockSkewMs + 1)
    admit(old)
    expect(doubles).toEqual([])
  })
  it('should not be told of for words in a round, which are too long to be passed on', () => {
    admit(wire({ boot: boot - 9, topic: TOPIC }), { topic: topicName(TOPIC) })
    expect(doubles).toEqual([])
  })
  it('should not be checked more often than an alarm needs', () => {
    for (let i = 0; i < 100; i++) admit(wire({ boot: boot - 9 }))
    expect(doubles.length).toBeLessThan(10)
  })
})

describe('R17: its own key, as another member passes it on', () => {
  it('should be told of when it speaks now', () => {
    intake.overhear(NAME, wire({ author: self, boot: boot + 5 }))
    expect(elsewhere).toEqual([boot + 5])
  })
  it('should be told of when an older boot speaks well after this start', () => {
    clock.advance(LIMITS.clockSkewMs + 1)
    intake.overhear(NAME, wire({ author: self, boot: boot - 5 }))
    expect(elsewhere).toEqual([boot - 5])
  })
  it('should not be believed to speak elsewhere for its own words of now, however long it has run', () => {
    clock.advance(10 * LIMITS.clockSkewMs)
    const data = wire({ author: self })
    intake.overhear(NAME, data)
    expect(admit(data, { forwarder: bob.peerId })).toBe('own_key')
    expect(elsewhere).toEqual([])
  })
  it.each<[string, () => Uint8Array]>([
    ['its own old words', () => wire({ author: self, boot: boot - 5 })],
    ['its own words of now', () => wire({ author: self })],
    ['a forgery', () => flipped(wire({ author: self, boot: boot + 5 }))],
    ["another's words", () => wire({ boot: boot + 5 })],
    ['junk', () => utf8('junk')],
    ['words that have expired', () => wire({ author: self, boot: boot + 5, saidAtMs: boot - 10 * LIMITS.clockSkewMs })],
    ['words of another topic', () => wire({ author: self, boot: boot + 5, topic: TOPIC })],
  ])('should not be believed to speak elsewhere for %s', (_what, data) => {
    intake.overhear(NAME, data())
    expect(elsewhere).toEqual([])
  })
})

describe('R13: an author without allowance', () => {
  it('should cost no signature check', () => {
    for (let i = 0; i < LIMITS.authorBurst; i++) expect(admit(wire())).toBeUndefined()
    expect(admit(flipped(wire()))).toBe('author_rate')
    clock.advance(1_000)
    expect(admit(flipped(wire()))).toBe('bad_signature')
  })
  it('should not have lost it to forgeries', () => {
    for (let i = 0; i < 15; i++) admit(flipped(wire()), { forwarder: bob.peerId })
    for (let i = 0; i < LIMITS.authorBurst; i++) expect(admit(wire())).toBeUndefined()
  })
  it('should be charged as a forwarder in front of gossipsub once, not twice', () => {
    for (let i = 0; i < LIMITS.forwarderBurst; i++) expect(intake.takes(alice.peerId, NAME)).toBe(true)
    expect(intake.takes(alice.peerId, NAME)).toBe(false)
    expect(metrics.count('p2p_messages_dropped_total{forwarder_rate,gossip}')).toBe(1)
    expect(admit(wire(), { taken: true })).toBeUndefined()
    expect(admit(wire())).toBe('forwarder_rate')
  })
})

describe('incident 7: a forwarder without right to the topic', () => {
  it('should be refused in front of gossipsub, which would take no other copy', () => {
    roles.members.delete(bob.peerId)
    expect([intake.takes(bob.peerId, NAME), intake.takes(alice.peerId, NAME)]).toEqual([false, true])
    expect(metrics.count('p2p_messages_dropped_total{forwarder_role,gossip}')).toBe(1)
    expect(roles.denials).toEqual([{ peer: bob.peerId, reason: 'not_in_registry', where: 'gossip' }])
  })
  it("should not take another's message with it, if it is removed when that is on its way to be checked", () => {
    const data = wire()
    expect(intake.takes(bob.peerId, NAME)).toBe(true)
    roles.members.delete(bob.peerId)
    expect(admit(data, { forwarder: bob.peerId, taken: true })).toBeUndefined()
  })
  it('should not be heard with words of its own after that', () => {
    const data = wire({ author: bob })
    expect(intake.takes(bob.peerId, NAME)).toBe(true)
    roles.members.delete(bob.peerId)
    expect(admit(data, { forwarder: bob.peerId, taken: true })).toBe('author_role')
  })
  it('should be asked for nothing in a topic that is not joined, or is none', () => {
    roles.members.delete(bob.peerId)
    expect([intake.takes(bob.peerId, topicName(topicOf('another'))), intake.takes(bob.peerId, 'x')]).toEqual([
      true,
      true,
    ])
    expect(roles.denials).toEqual([])
  })
})
