import { describe, expect, it } from 'vitest'
import { CodedError, LIMITS, type PeerIdStr, toHex } from '../../../src/base/index.ts'
import { openEnvelope, topicName } from '../../../src/p2p/index.ts'
import { EnvelopeIntake } from '../../../src/p2p/intake.ts'
import { EnvelopeMessenger } from '../../../src/p2p/messenger.ts'
import { keyPair, logger, NETWORK, ROUND, TestClock, TestMetrics, TestRoles, TOPIC, topicOf } from './kit.ts'

const self = keyPair('self')
const alice = keyPair('alice')
const ann = keyPair('ann')
const BOOT = 1_700_000_000_000
const say = (bytes: number) => ({ round: ROUND, attempt: 0, step: 'test', payload: new Uint8Array(bytes) })

function bench() {
  const clock = new TestClock()
  const metrics = new TestMetrics()
  const roles = new TestRoles(self.peerId, alice.peerId)
  const intake = new EnvelopeIntake({
    network: NETWORK,
    self: self.publicKey,
    boot: BOOT,
    roles,
    clock,
    logger,
    metrics,
  })
  const calls: string[] = []
  const left: { name: string; wire: Uint8Array; to?: PeerIdStr }[] = []
  const port = { failure: undefined as Error | undefined }
  const messenger = new EnvelopeMessenger({
    keyPair: self,
    boot: BOOT,
    intake,
    clock,
    metrics,
    subscribe: (name) => calls.push(`subscribe ${name}`),
    unsubscribe: (name) => calls.push(`unsubscribe ${name}`),
    publish: async (name, wire) => void left.push({ name, wire }),
    send: async (to, name, wire) => {
      if (port.failure !== undefined) throw port.failure
      left.push({ to, name, wire })
    },
  })
  return { messenger, calls, left, clock, metrics, port }
}

describe('messenger', () => {
  it('should publish what it returns, signed', async () => {
    const { messenger, left, clock } = bench()
    const envelope = await messenger.publish(TOPIC, say(5))
    expect(left).toEqual([{ name: topicName(TOPIC), wire: envelope.wire }])
    expect(openEnvelope(TOPIC, envelope.wire)).toMatchObject({ ...say(5), author: self.publicKey, boot: BOOT })
    expect(envelope).toMatchObject({ via: 'self', topic: TOPIC, expiresAtMs: clock.now() + LIMITS.envelopeTtlMs })
  })
  it('R16: should count on over all topics and ways', async () => {
    const { messenger } = bench()
    const counters = [
      await messenger.publish(TOPIC, say(1)),
      await messenger.publish(topicOf('set 2'), say(1)),
      await messenger.send(alice.publicKey, TOPIC, say(1)),
    ].map((e) => e.counter)
    expect(counters).toEqual([0, 1, 2])
  })
  it('R14: should send the same words again in a new envelope', async () => {
    const { messenger } = bench()
    const [a, b] = [await messenger.publish(TOPIC, say(1)), await messenger.publish(TOPIC, say(1))]
    expect(a.wire).not.toEqual(b.wire)
  })
  it('should send to the peer of the key', async () => {
    const { messenger, left } = bench()
    await messenger.send(alice.publicKey, TOPIC, say(1))
    expect(left[0]?.to).toBe(alice.peerId)
  })
  it('should send one envelope, signed once, to each of several, and tell which of them it did not reach', async () => {
    const { messenger, left, port, metrics } = bench()
    const { envelope, failures } = messenger.sendEach([alice.publicKey, ann.publicKey], TOPIC, say(1))
    expect(await failures).toEqual(new Map())
    expect(left.map(({ to }) => to).toSorted()).toEqual([alice.peerId, ann.peerId].toSorted())
    expect(new Set(left.map(({ wire }) => toHex(wire)))).toEqual(new Set([toHex(envelope.wire)]))
    expect(metrics.count('p2p_messages_sent_total{direct}')).toBe(2)
    port.failure = new CodedError('UNREACHABLE', 'away')
    const lost = messenger.sendEach([alice.publicKey], TOPIC, say(1))
    expect([...(await lost.failures)]).toMatchObject([[alice.publicKey, { code: 'UNREACHABLE' }]])
    expect(() => messenger.sendEach([alice.publicKey], TOPIC, say(LIMITS.maxDirectBytes))).toThrow(/at most/)
  })
  it('should pass on why a message was not delivered, and not count it', async () => {
    const { messenger, port, metrics } = bench()
    port.failure = new CodedError('UNREACHABLE', 'away')
    await expect(messenger.send(alice.publicKey, TOPIC, say(1))).rejects.toMatchObject({ code: 'UNREACHABLE' })
    expect(metrics.count('p2p_messages_sent_total{direct}')).toBe(0)
  })
  it.each([LIMITS.maxGossipBytes + 1, LIMITS.maxGossipBytes])(
    'should refuse to publish a payload of %i bytes before anything leaves (incident 8)',
    async (bytes) => {
      const { messenger, left } = bench()
      await expect(messenger.publish(TOPIC, say(bytes))).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' })
      expect(left).toEqual([])
    },
  )
  it('should refuse to send a payload beyond the cap of streams', async () => {
    const { messenger, left } = bench()
    const sending = messenger.send(alice.publicKey, TOPIC, say(LIMITS.maxDirectBytes))
    await expect(sending).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' })
    expect(left).toEqual([])
  })

  it('should subscribe with the first who joins and unsubscribe with the last who leaves', () => {
    const { messenger, calls } = bench()
    const leaves = [messenger.join(TOPIC, () => 'accept'), messenger.join(TOPIC, () => 'accept')] as const
    leaves[0]()
    leaves[0]()
    expect(calls).toEqual([`subscribe ${topicName(TOPIC)}`])
    leaves[1]()
    leaves[1]()
    expect(calls).toEqual([`subscribe ${topicName(TOPIC)}`, `unsubscribe ${topicName(TOPIC)}`])
  })
})
