import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LIMITS, utf8 } from '../../src/base/index.ts'
import { sealEnvelope } from '../../src/p2p/envelope.ts'
import { type Envelope, isGossipProtocol, topicName } from '../../src/p2p/index.ts'
import { makeHost, type TestHost, until, untilAsync } from '../unit/p2p/hosts.ts'
import { keyPair, ROUND, TOPIC } from '../unit/p2p/kit.ts'
import { type RawNode, rawNode } from '../unit/p2p/raw-node.ts'

/** sBTC #1992: a message above the size limit was dropped by all, with no error anywhere, and the network stood still. */
const member = keyPair('member')
const NAME = topicName(TOPIC)
const say = (bytes: number, counter = 0) => ({
  round: ROUND,
  attempt: 0,
  step: 'test',
  boot: 1,
  counter,
  expiresAtMs: Date.now() + LIMITS.envelopeTtlMs,
  payload: new Uint8Array(bytes),
})

let receiver: TestHost
let raw: RawNode
let heard: Envelope[]
beforeEach(async () => {
  receiver = makeHost(keyPair('receiver'), [member.peerId], ['tcp'])
  heard = []
  receiver.host.messenger.join(TOPIC, (e) => {
    heard.push(e)
    return 'accept'
  })
  await receiver.host.start()
  raw = await rawNode(member, receiver.host.addresses())
})
afterEach(async () => {
  await raw.libp2p.stop()
  await receiver.host.stop()
})
async function hearsAgain(counter: number): Promise<void> {
  let n = counter
  await untilAsync('the receiver hears again', async () => {
    await raw.publish(NAME, sealEnvelope(member, NAME, say(10, n++)))
    return heard.some((e) => e.counter >= counter)
  })
}

describe('incident 8: an oversized message', () => {
  it.each([LIMITS.maxGossipBytes, LIMITS.maxGossipBytes + 1, 10 * LIMITS.maxGossipBytes])(
    'should be an error of its sender before it is published: %i bytes',
    async (bytes) => {
      await until('the other has subscribed', () => raw.gossip.getSubscribers(NAME).length > 0)
      const seen: unknown[] = []
      raw.gossip.addEventListener('message', (e) => seen.push(e.detail))
      raw.gossip.subscribe(NAME)
      const publishing = receiver.host.messenger.publish(TOPIC, say(bytes))
      await expect(publishing).rejects.toMatchObject({
        code: 'MESSAGE_TOO_LARGE',
        data: { maxBytes: LIMITS.maxGossipBytes },
      })
      expect(receiver.metrics.count('p2p_messages_sent_total{gossip}')).toBe(0)
      expect(seen).toEqual([])
    },
  )
  it('should be counted by a receiver, which goes on', async () => {
    const wire = sealEnvelope(member, NAME, say(LIMITS.maxGossipBytes))
    await raw.publish(NAME, wire)
    await until('counted', () => receiver.metrics.count('p2p_messages_dropped_total{too_large,gossip}') === 1)
    await hearsAgain(1)
    expect(heard.some((e) => e.counter === 0)).toBe(false)
  })
  it('should end the stream that it broke, so that its sender can open another', async () => {
    await raw.publish(NAME, sealEnvelope(member, NAME, say(10, 0)))
    await until('heard', () => heard.length === 1)
    const [stream] = raw.libp2p
      .getConnections()
      .flatMap((c) => c.streams)
      .filter((s) => s.direction === 'outbound' && isGossipProtocol(s.protocol))
    const ended = new Promise((resolve) => stream?.addEventListener('close', resolve, { once: true }))
    await raw.publish(NAME, new Uint8Array(3 * 1024 * 1024))
    // The library alone would stop listening and leave the stream open: the sender would talk to nobody, for ever.
    await ended
    await raw.libp2p.stop()
    raw = await rawNode(member, receiver.host.addresses())
    await hearsAgain(1)
  })
  it('should cost only its stream when it is a direct one', async () => {
    const stream = await raw.libp2p.dialProtocol(raw.libp2p.getPeers()[0] ?? [], '/countersign/direct/1')
    const closed = new Promise((resolve) => stream.addEventListener('close', resolve, { once: true }))
    stream.send(utf8('\xff\xff\xff\x7f'))
    await closed
    expect(raw.libp2p.getConnections()[0]?.status).toBe('open')
    await hearsAgain(0)
  })
})
