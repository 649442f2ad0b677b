import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LIMITS, utf8 } from '../../src/base/index.ts'
import { publicKeyBytes } from '../../src/curve/index.ts'
import { sealEnvelope } from '../../src/p2p/envelope.ts'
import { type DropReason, type Envelope, topicName } from '../../src/p2p/index.ts'
import { EnvelopeBodySchema, SignedEnvelopeSchema } from '../../src/p2p/pb/envelope_pb.ts'
import { makeHost, type TestHost, until } from '../unit/p2p/hosts.ts'
import { keyPair, ROUND, TOPIC, topicOf } from '../unit/p2p/kit.ts'
import { rawDirect } from '../unit/p2p/raw-direct.ts'
import { type RawNode, rawNode } from '../unit/p2p/raw-node.ts'

/** sBTC #979, #995: a message was taken for what its origin field said, because its forwarder was a member. */
const victim = keyPair('victim')
const member = keyPair('member')
const stranger = keyPair('stranger')
const NAME = topicName(TOPIC)
let counter = 0
const seal = (author: typeof victim, topic = NAME) =>
  sealEnvelope(author, topic, {
    round: ROUND,
    attempt: 0,
    step: 'test',
    boot: 1,
    counter: counter++,
    expiresAtMs: Date.now() + LIMITS.envelopeTtlMs,
    payload: utf8('words'),
  })
/** The member's own words and signature, under the victim's name. */
function renamed(): Uint8Array {
  const outer = fromBinary(SignedEnvelopeSchema, seal(member))
  const body = { ...fromBinary(EnvelopeBodySchema, outer.body), author: publicKeyBytes(victim.publicKey) }
  const bytes = toBinary(EnvelopeBodySchema, create(EnvelopeBodySchema, body))
  return toBinary(SignedEnvelopeSchema, create(SignedEnvelopeSchema, { body: bytes, signature: outer.signature }))
}
/** The victim's words, changed under its signature. */
function changed(): Uint8Array {
  const outer = fromBinary(SignedEnvelopeSchema, seal(victim))
  const body = { ...fromBinary(EnvelopeBodySchema, outer.body), payload: utf8('other words') }
  const bytes = toBinary(EnvelopeBodySchema, create(EnvelopeBodySchema, body))
  return toBinary(SignedEnvelopeSchema, create(SignedEnvelopeSchema, { body: bytes, signature: outer.signature }))
}

let receiver: TestHost
let raw: RawNode
let heard: Envelope[]
beforeEach(async () => {
  receiver = makeHost(keyPair('receiver'), [member.peerId, victim.peerId], ['tcp'])
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
const dropped = (reason: DropReason, via = 'gossip') =>
  receiver.metrics.count(`p2p_messages_dropped_total{${reason},${via}}`)

describe('incident 9: a forged author', () => {
  it('should take what a member forwards for its true author', async () => {
    await raw.publish(NAME, seal(victim))
    await until('heard', () => heard.length === 1)
    expect(heard[0]?.author).toBe(victim.publicKey)
  })
  it.each<[string, () => Uint8Array, DropReason]>([
    ["a member's words under the name of another", renamed, 'bad_signature'],
    ["another's signature over changed words", changed, 'bad_signature'],
    ["another's words of another set", () => seal(victim, topicName(topicOf('set 2'))), 'bad_signature'],
    ["a stranger's words, though a member forwards them", () => seal(stranger), 'author_role'],
    ['words without any signature', () => utf8('words'), 'malformed'],
  ])('should not take %s', async (_what, forge, reason) => {
    await raw.publish(NAME, forge())
    await until(`dropped as ${reason}`, () => dropped(reason) === 1)
    await raw.publish(NAME, seal(victim))
    await until('the next true word is heard', () => heard.length > 0)
    expect(heard).toHaveLength(1)
  })
  it("should not take another's true words on a direct stream", async () => {
    const say = (author: typeof victim) => rawDirect(raw, receiver.host.peerId, NAME, seal(author))
    expect([await say(victim), await say(member)]).toEqual([3, 1])
    expect(dropped('author_mismatch', 'direct')).toBe(1)
    expect(heard.map((e) => e.author)).toEqual([member.publicKey])
  })
})
