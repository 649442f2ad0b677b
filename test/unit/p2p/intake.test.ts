import { describe, expect, it } from 'vitest'
import { LIMITS, utf8 } from '../../../src/base/index.ts'
import type { KeyPair } from '../../../src/curve/index.ts'
import { sealEnvelope } from '../../../src/p2p/envelope.ts'
import { type Envelope, type Topic, topicName, type Verdict } from '../../../src/p2p/index.ts'
import { type Arrival, EnvelopeIntake } from '../../../src/p2p/intake.ts'
import { keyPair, logger, ROUND, TestClock, TestMetrics, TestRoles, TOPIC, topicOf } from './kit.ts'

const self = keyPair('self')
const alice = keyPair('alice')
const bob = keyPair('bob')
const stranger = keyPair('stranger')
const BOOT = 1_700_000_000_000

class Bench {
  readonly clock = new TestClock()
  readonly metrics = new TestMetrics()
  readonly roles = new TestRoles(self.peerId, alice.peerId, bob.peerId)
  readonly heard: Envelope[] = []
  readonly elsewhere: number[] = []
  readonly intake: EnvelopeIntake
  verdict: Verdict = 'accept'
  #counter = 0
  constructor() {
    this.intake = new EnvelopeIntake({
      network: TOPIC.network,
      self: self.publicKey,
      boot: BOOT,
      roles: this.roles,
      clock: this.clock,
      logger,
      metrics: this.metrics,
      onOwnKeyElsewhere: (boot) => this.elsewhere.push(boot),
    })
    this.intake.join(TOPIC, (e) => {
      this.heard.push(e)
      return this.verdict
    })
  }
  wire(
    change: {
      author?: KeyPair
      topic?: Topic
      boot?: number
      counter?: number
      expiresAtMs?: number
      payload?: Uint8Array
    } = {},
  ) {
    return sealEnvelope(change.author ?? alice, topicName(change.topic ?? TOPIC), {
      round: ROUND,
      attempt: 0,
      step: 'test',
      payload: change.payload ?? utf8('hello'),
      boot: change.boot ?? BOOT,
      counter: change.counter ?? this.#counter++,
      expiresAtMs: change.expiresAtMs ?? this.clock.now() + LIMITS.envelopeTtlMs,
    })
  }
  admit(data: Uint8Array, change: Partial<Arrival> = {}) {
    return this.intake.admit({ topic: topicName(TOPIC), data, forwarder: bob.peerId, via: 'gossip', ...change })
  }
}
const flipped = (wire: Uint8Array): Uint8Array => {
  const bad = wire.slice()
  bad[bad.length - 1] = (bad[bad.length - 1] ?? 0) ^ 1
  return bad
}

describe('intake', () => {
  it('should hand a good message on, as its author said it', () => {
    const b = new Bench()
    const wire = b.wire()
    expect(b.admit(wire)).toEqual({ verdict: 'accept' })
    expect(b.heard).toMatchObject([{ author: alice.publicKey, topic: TOPIC, round: ROUND, via: 'gossip', wire }])
    expect(b.metrics.count('p2p_messages_received_total{gossip}')).toBe(1)
  })
  it('should judge direct messages like gossiped ones', () => {
    const b = new Bench()
    const wire = b.wire()
    expect(b.admit(wire, { via: 'direct', forwarder: alice.peerId }).verdict).toBe('accept')
    expect(b.admit(wire)).toEqual({ verdict: 'ignore', dropped: 'replay' })
  })

  it.each<[string, (b: Bench) => ReturnType<Bench['admit']>, string]>([
    ['too large', (b) => b.admit(new Uint8Array(LIMITS.maxGossipBytes + 1)), 'too_large'],
    [
      'too large for a stream',
      (b) =>
        b.admit(b.wire({ payload: new Uint8Array(LIMITS.maxDirectBytes) }), { via: 'direct', forwarder: alice.peerId }),
      'too_large',
    ],
    ['of no topic of ours', (b) => b.admit(b.wire(), { topic: '/elsewhere' }), 'malformed'],
    ['no envelope', (b) => b.admit(utf8('hello')), 'malformed'],
    ['wrongly signed', (b) => b.admit(flipped(b.wire())), 'bad_signature'],
    ['signed for another topic', (b) => b.admit(b.wire({ topic: topicOf('set 2') })), 'bad_signature'],
    ['brought on a stream by another than its author', (b) => b.admit(b.wire(), { via: 'direct' }), 'author_mismatch'],
  ])('R14: should reject what is %s', (_what, admit, dropped) => {
    const b = new Bench()
    expect(admit(b)).toEqual({ verdict: 'reject', dropped })
    expect(b.heard).toHaveLength(0)
    const via = dropped === 'author_mismatch' || _what.includes('stream') ? 'direct' : 'gossip'
    expect(b.metrics.count(`p2p_messages_dropped_total{${dropped},${via}}`)).toBe(1)
  })

  it.each<[string, (b: Bench) => ReturnType<Bench['admit']>, string]>([
    ['an author without role', (b) => b.admit(b.wire({ author: stranger })), 'author_role'],
    ['a forwarder without role', (b) => b.admit(b.wire(), { forwarder: stranger.peerId }), 'forwarder_role'],
    [
      'another network',
      (b) => b.admit(b.wire({ topic: topicOf('set 1', 'mainnet') }), { topic: topicName(topicOf('set 1', 'mainnet')) }),
      'other_network',
    ],
    [
      'a set that is not joined',
      (b) => b.admit(b.wire({ topic: topicOf('set 2') }), { topic: topicName(topicOf('set 2')) }),
      'not_joined',
    ],
    [
      'expiry, beyond the skew',
      (b) => b.admit(b.wire({ expiresAtMs: b.clock.now() - LIMITS.clockSkewMs - 1 })),
      'expired',
    ],
    [
      'a far future',
      (b) => b.admit(b.wire({ expiresAtMs: b.clock.now() + LIMITS.envelopeTtlMs + LIMITS.clockSkewMs + 1 })),
      'expires_too_late',
    ],
    ['this node itself', (b) => b.admit(b.wire({ author: self })), 'own_key'],
  ])('R14: should ignore, without blame, a message of %s', (_what, admit, dropped) => {
    const b = new Bench()
    expect(admit(b)).toEqual({ verdict: 'ignore', dropped })
    expect(b.heard).toHaveLength(0)
  })

  it('R17: should tolerate a clock that differs by the skew', () => {
    const b = new Bench()
    expect(b.admit(b.wire({ expiresAtMs: b.clock.now() - LIMITS.clockSkewMs })).verdict).toBe('accept')
    const late = b.clock.now() + LIMITS.envelopeTtlMs + LIMITS.clockSkewMs
    expect(b.admit(b.wire({ expiresAtMs: late })).verdict).toBe('accept')
  })
  it('should tell the roles of each refusal, and of whom', () => {
    const b = new Bench()
    b.admit(b.wire({ author: stranger }))
    b.admit(b.wire(), { forwarder: stranger.peerId })
    const denial = { peer: stranger.peerId, reason: 'not_in_registry', where: 'gossip' }
    expect(b.roles.denials).toEqual([denial, denial])
  })
  it('R15: should ask the right to the very topic, not only for a role', () => {
    const b = new Bench()
    b.roles.withoutTopic.set(alice.peerId, TOPIC.scope)
    expect(b.admit(b.wire()).dropped).toBe('author_role')
  })

  it('R16: should ignore a replay, from whomever', () => {
    const b = new Bench()
    const wire = b.wire()
    b.admit(wire)
    expect(b.admit(wire, { forwarder: alice.peerId }).dropped).toBe('replay')
    expect(b.heard).toHaveLength(1)
  })
  it('R16: should ignore an older boot once a newer one spoke', () => {
    const b = new Bench()
    b.admit(b.wire({ boot: BOOT + 1 }))
    expect(b.admit(b.wire({ boot: BOOT })).dropped).toBe('older_boot')
  })
  it('R16: should take messages of one author that overtook each other', () => {
    const b = new Bench()
    const wires = [0, 1, 2, 3].map((counter) => b.wire({ counter }))
    expect(wires.toReversed().map((w) => b.admit(w).verdict)).toEqual(Array(4).fill('accept'))
  })
  it('R16: should keep a counter free that only a forger used', () => {
    const b = new Bench()
    b.admit(flipped(b.wire({ counter: 5 })))
    expect(b.admit(b.wire({ counter: 5 })).verdict).toBe('accept')
  })

  it('R13: should charge the forwarder before the signature, and nobody else', () => {
    const b = new Bench()
    const forged = flipped(b.wire())
    for (let i = 0; i <= 20; i++) expect(b.admit(forged).dropped).toBe('bad_signature')
    expect(b.admit(forged).dropped).toBe('forwarder_muted')
    // The author was not charged for what it did not say, and another link to it still works.
    expect(b.admit(b.wire(), { forwarder: alice.peerId }).verdict).toBe('accept')
    b.clock.advance(10_001)
    expect(b.admit(b.wire()).verdict).toBe('accept')
  })
  it('R13: should drop what a forwarder sends beyond its rate, before looking at it', () => {
    const b = new Bench()
    const late = b.wire({ expiresAtMs: b.clock.now() - LIMITS.clockSkewMs - 1, author: stranger })
    for (let i = 0; i < LIMITS.forwarderBurst; i++) b.admit(late)
    expect(b.admit(b.wire()).dropped).toBe('forwarder_rate')
    expect(b.admit(b.wire(), { forwarder: alice.peerId }).verdict).toBe('accept')
  })
  it('R13: should drop what an author says beyond its rate (incident 7)', () => {
    const b = new Bench()
    for (let i = 0; i < LIMITS.authorBurst; i++) expect(b.admit(b.wire()).verdict).toBe('accept')
    expect(b.admit(b.wire()).dropped).toBe('author_rate')
    expect(b.admit(b.wire({ author: bob })).verdict).toBe('accept')
    b.clock.advance(1_000)
    expect(b.admit(b.wire()).verdict).toBe('accept')
  })
  it.each<[string, (b: Bench) => void, string]>([
    ['heard', () => {}, 'replay'],
    ['of an older boot', (b) => b.admit(b.wire({ boot: BOOT + 1 })), 'older_boot'],
    ['expired', (b) => b.clock.advance(LIMITS.envelopeTtlMs + LIMITS.clockSkewMs + 1), 'expired'],
  ])(
    "R13: should not let a forwarder use up an author's allowance with its recorded words: %s",
    (_what, age, dropped) => {
      const b = new Bench()
      const recorded = Array.from({ length: 10 }, () => b.wire())
      if (dropped !== 'expired') for (const wire of recorded) b.admit(wire, { forwarder: alice.peerId })
      age(b)
      const boot = BOOT + 1
      for (let i = 0; i < 1_000; i++)
        expect(b.admit(recorded[i % 10] ?? new Uint8Array())).toEqual({ verdict: 'ignore', dropped })
      expect(b.admit(b.wire({ boot })).verdict).toBe('accept')
    },
  )
  it('R13: should check no signature of what is stale', () => {
    const b = new Bench()
    const wire = b.wire()
    b.admit(wire)
    expect(b.admit(flipped(wire))).toEqual({ verdict: 'ignore', dropped: 'replay' })
  })
  it('R13: should take no counter for what is only asked: a forgery ages no true word', () => {
    const b = new Bench()
    b.admit(flipped(b.wire({ boot: BOOT + 1, counter: 9_000 })))
    expect(b.admit(b.wire({ boot: BOOT, counter: 0 })).verdict).toBe('accept')
  })
  it('R17: should hear of another process with its key, however often its own words come back', () => {
    const b = new Bench()
    const own = b.wire({ author: self })
    const beforeRestart = b.wire({ author: self, boot: BOOT - 1 })
    for (let i = 0; i < 1_000; i++)
      for (const wire of [own, beforeRestart]) expect(b.admit(wire).dropped).toBe('own_key')
    b.admit(b.wire({ author: self, boot: BOOT + 1 }))
    expect(b.elsewhere).toEqual([BOOT + 1])
  })
  it('R13: should listen to a muted forwarder again after a while, though the wall clock was set back', () => {
    const b = new Bench()
    const forged = flipped(b.wire())
    for (let i = 0; i <= 21; i++) b.admit(forged)
    b.clock.jump(-3_600_000)
    b.clock.advance(10_001)
    expect(b.admit(b.wire()).verdict).toBe('accept')
  })
  it('R14: should not mute a forwarder for messages that are merely out of place', () => {
    const b = new Bench()
    for (let i = 0; i < 100; i++) b.admit(b.wire({ topic: topicOf('set 2') }), { topic: topicName(topicOf('set 2')) })
    expect(b.admit(b.wire()).verdict).toBe('accept')
  })

  it.each<[Verdict, string]>([
    ['ignore', 'ignored'],
    ['reject', 'rejected'],
  ])("should pass on the state machine's %s", (verdict, dropped) => {
    const b = new Bench()
    b.verdict = verdict
    expect(b.admit(b.wire())).toEqual({ verdict, dropped })
  })
  it('should ignore a message whose handler throws', () => {
    const b = new Bench()
    b.intake.join(TOPIC, () => {
      throw new Error('broken')
    })
    expect(b.admit(b.wire())).toEqual({ verdict: 'ignore', dropped: 'handler_failed' })
  })
  it('should let several rounds listen to one topic, and each leave for itself', () => {
    const b = new Bench()
    b.verdict = 'ignore'
    const leave = b.intake.join(TOPIC, () => 'accept')
    expect(b.admit(b.wire()).verdict).toBe('accept')
    leave()
    leave()
    expect(b.admit(b.wire()).verdict).toBe('ignore')
    expect(b.intake.isJoined(topicName(TOPIC))).toBe(true)
  })

  it('R17: should tell when another process speaks with its key, once per boot and message', () => {
    const b = new Bench()
    const wire = b.wire({ author: self, boot: BOOT + 1 })
    b.admit(wire)
    b.admit(wire)
    expect(b.elsewhere).toEqual([BOOT + 1])
  })
  it('R17: should tell so of a copy with an older boot, too, that speaks now', () => {
    const b = new Bench()
    b.clock.advance(LIMITS.clockSkewMs + 1)
    b.admit(b.wire({ author: self, boot: BOOT - 1 }))
    expect(b.elsewhere).toEqual([BOOT - 1])
  })
  it('R17: should not take its own last words before a restart for another process', () => {
    const b = new Bench()
    b.admit(b.wire({ author: self, boot: BOOT - 1 }))
    expect(b.elsewhere).toEqual([])
  })
  it('R17: should not believe a forged word of its own', () => {
    const b = new Bench()
    b.admit(flipped(b.wire({ author: self, boot: BOOT + 1 })))
    expect(b.elsewhere).toEqual([])
  })
})
