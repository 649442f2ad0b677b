import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LIMITS, utf8 } from '../../src/base/index.ts'
import { sealEnvelope } from '../../src/p2p/envelope.ts'
import { type DropReason, type Envelope, type Topic, topicName } from '../../src/p2p/index.ts'
import { makeHost, type TestHost, until } from '../unit/p2p/hosts.ts'
import { keyPair, ROUND, TOPIC, topicOf } from '../unit/p2p/kit.ts'
import { rawDirect } from '../unit/p2p/raw-direct.ts'
import { type RawNode, rawNode } from '../unit/p2p/raw-node.ts'

/** sBTC #1825: messages of earlier rounds came again and were taken for new ones. */
const author = keyPair('author')
const NEXT = topicOf('set 2')
const seal = (change: { topic?: Topic; boot?: number; counter?: number; expiresAtMs?: number } = {}) =>
  sealEnvelope(author, topicName(change.topic ?? TOPIC), {
    round: ROUND,
    attempt: 0,
    step: 'test',
    boot: change.boot ?? 5,
    counter: change.counter ?? 1,
    expiresAtMs: change.expiresAtMs ?? Date.now() + LIMITS.envelopeTtlMs,
    payload: utf8('words'),
  })

let receiver: TestHost
let raw: RawNode
let heard: Envelope[]
beforeEach(async () => {
  receiver = makeHost(keyPair('receiver'), [author.peerId], ['tcp'])
  heard = []
  for (const topic of [TOPIC, NEXT])
    receiver.host.messenger.join(topic, (e) => {
      heard.push(e)
      return 'accept'
    })
  await receiver.host.start()
  raw = await rawNode(author, receiver.host.addresses())
})
afterEach(async () => {
  await raw.libp2p.stop()
  await receiver.host.stop()
})
/** gossipsub remembers a message id for a short while only; another way in stands for its forgetting. */
const sayDirectly = (wire: Uint8Array) => rawDirect(raw, receiver.host.peerId, topicName(TOPIC), wire)
const dropped = (reason: DropReason, via: string) =>
  receiver.metrics.count(`p2p_messages_dropped_total{${reason},${via}}`)

describe('incident 10: an old message that comes again', () => {
  it('should be ignored when its sequence number was taken, whichever way it comes', async () => {
    const wire = seal()
    await raw.publish(topicName(TOPIC), wire)
    await until('heard', () => heard.length === 1)
    expect(await sayDirectly(wire)).toBe(2)
    expect(dropped('replay', 'direct')).toBe(1)
    expect(heard).toHaveLength(1)
  })
  it('should be ignored when it is of an earlier start of its author', async () => {
    await raw.publish(topicName(TOPIC), seal({ boot: 6 }))
    await until('heard', () => heard.length === 1)
    await raw.publish(topicName(TOPIC), seal({ boot: 5, counter: 9 }))
    await until('dropped', () => dropped('older_boot', 'gossip') === 1)
    expect(heard).toHaveLength(1)
  })
  it('should be ignored when it has expired', async () => {
    await raw.publish(topicName(TOPIC), seal({ expiresAtMs: Date.now() - 2 * LIMITS.clockSkewMs }))
    await until('dropped', () => dropped('expired', 'gossip') === 1)
    expect(heard).toEqual([])
  })
  it('should not pass as one of another set', async () => {
    const wire = seal()
    await raw.publish(topicName(TOPIC), wire)
    await until('heard', () => heard.length === 1)
    await raw.publish(topicName(NEXT), wire)
    // Its sequence number counts in all topics (R16), so its signature, which is not of this one, needs no look.
    await until('dropped', () => dropped('replay', 'gossip') === 1)
    expect(heard).toHaveLength(1)
  })
  it('should not be suppressed in its own set by its bytes in another (R12)', async () => {
    const wire = seal()
    await raw.publish(topicName(NEXT), wire)
    await until('dropped', () => dropped('bad_signature', 'gossip') === 1)
    await raw.publish(topicName(TOPIC), wire)
    await until('heard', () => heard.length === 1)
    expect(heard[0]?.topic).toEqual(TOPIC)
  })
})
