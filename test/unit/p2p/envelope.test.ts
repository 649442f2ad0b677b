import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { concatBytes, utf8 } from '../../../src/base/index.ts'
import { curve, publicKeyBytes } from '../../../src/curve/index.ts'
import { sealEnvelope } from '../../../src/p2p/envelope.ts'
import { messageId } from '../../../src/p2p/gossip.ts'
import { decodeEnvelope, hasValidSignature, openEnvelope, topicName } from '../../../src/p2p/index.ts'
import { type EnvelopeBody, EnvelopeBodySchema, SignedEnvelopeSchema } from '../../../src/p2p/pb/envelope_pb.ts'
import { keyPair, ROUND, TOPIC, topicOf } from './kit.ts'

const alice = keyPair('alice')
const NAME = topicName(TOPIC)
const FIELDS = {
  round: ROUND,
  attempt: 3,
  step: 'nonces',
  boot: 1_700_000_000_000,
  counter: 7,
  expiresAtMs: 1_700_000_100_000,
  payload: utf8('payload'),
}
const wire = sealEnvelope(alice, NAME, FIELDS)

/** A wire whose body was changed and left unsigned: shape is judged before signatures. */
function withBody(change: Partial<Omit<EnvelopeBody, '$typeName' | '$unknown'>>): Uint8Array {
  const outer = fromBinary(SignedEnvelopeSchema, wire)
  const body = create(EnvelopeBodySchema, { ...fromBinary(EnvelopeBodySchema, outer.body), ...change })
  const bytes = toBinary(EnvelopeBodySchema, body)
  return toBinary(SignedEnvelopeSchema, create(SignedEnvelopeSchema, { body: bytes, signature: outer.signature }))
}
const outerOf = (body: Uint8Array, signature: Uint8Array) =>
  toBinary(SignedEnvelopeSchema, create(SignedEnvelopeSchema, { body, signature }))

describe('envelope', () => {
  it('should open to what was sealed, under its author', () => {
    expect(openEnvelope(TOPIC, wire)).toEqual({ ...FIELDS, author: alice.publicKey })
  })
  it('should be evidence without the buffer it came in', () => {
    const buffer = concatBytes(utf8('before'), wire, utf8('after'))
    const decoded = decodeEnvelope(buffer.subarray(6, 6 + wire.length))
    buffer.fill(0)
    expect(decoded.ok && decoded.value.wire).toEqual(wire)
    expect(decoded.ok && hasValidSignature(decoded.value, NAME)).toBe(true)
  })

  it('R12: should not open under another topic', () => {
    expect(openEnvelope(topicOf('set 2'), wire)).toBeUndefined()
  })
  it('R12: should not open under another network', () => {
    expect(openEnvelope(topicOf('set 1', 'mainnet'), wire)).toBeUndefined()
  })
  it('R12: should not open when one byte of the payload differs', () => {
    expect(openEnvelope(TOPIC, withBody({ payload: utf8('Payload') }))).toBeUndefined()
  })
  it('R12: should not open under another author', () => {
    expect(openEnvelope(TOPIC, withBody({ author: publicKeyBytes(keyPair('bob').publicKey) }))).toBeUndefined()
  })
  it('R12: should not open when signed for another use of the key', () => {
    const { body } = fromBinary(SignedEnvelopeSchema, wire)
    expect(openEnvelope(TOPIC, outerOf(body, alice.sign('countersign/other', body)))).toBeUndefined()
  })
  it('R12: should not open with the high-s twin of its signature', () => {
    const { body, signature } = fromBinary(SignedEnvelopeSchema, wire)
    const twin = concatBytes(signature.subarray(0, 32), curve.negateScalar(signature.subarray(32)))
    expect(twin).not.toEqual(signature)
    expect(openEnvelope(TOPIC, outerOf(body, twin))).toBeUndefined()
  })

  it('R12: should give one message another id in another topic', () => {
    expect(messageId(NAME, wire)).not.toEqual(messageId(topicName(topicOf('set 2')), wire))
    expect(messageId('ab', utf8('c'))).not.toEqual(messageId('a', utf8('bc')))
  })

  it.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array()],
    ['noise', utf8('not a protobuf at all')],
    ['a truncated message', wire.subarray(0, -1)],
    ['an unknown field of the outer message', concatBytes(wire, Uint8Array.of(0x18, 1))],
    ['a repeated field of the outer message', concatBytes(wire, wire)],
    ['a short signature', outerOf(fromBinary(SignedEnvelopeSchema, wire).body, new Uint8Array(63))],
    ['a long signature', outerOf(fromBinary(SignedEnvelopeSchema, wire).body, new Uint8Array(65))],
    [
      'an unknown field of the body',
      outerOf(concatBytes(fromBinary(SignedEnvelopeSchema, wire).body, Uint8Array.of(0x50, 1)), new Uint8Array(64)),
    ],
    [
      'a padded number',
      outerOf(
        concatBytes(Uint8Array.of(0x08, 0x81, 0x00), fromBinary(SignedEnvelopeSchema, wire).body.subarray(2)),
        new Uint8Array(64),
      ),
    ],
    ['a short author', withBody({ author: publicKeyBytes(alice.publicKey).subarray(1) })],
    ['an author that is no point', withBody({ author: Uint8Array.of(2, ...new Uint8Array(32).fill(0xff)) })],
    ['a short round', withBody({ round: new Uint8Array(31) })],
    ['a long round', withBody({ round: new Uint8Array(33) })],
    ['an empty step', withBody({ step: '' })],
    ['a long step', withBody({ step: 'x'.repeat(33) })],
    ['a step beyond ASCII', withBody({ step: 'nöнces' })],
    ['a step of two lines', withBody({ step: 'a\nb' })],
    ['a boot beyond safe integers', withBody({ boot: 2n ** 53n })],
    ['a counter beyond safe integers', withBody({ counter: 2n ** 64n - 1n })],
    ['an expiry beyond safe integers', withBody({ expiresAtMs: 2n ** 63n })],
  ])('should call %s malformed', (_what, bytes) => {
    expect(decodeEnvelope(bytes)).toEqual({ ok: false, reason: 'malformed' })
  })
  it('R14: should tell a newer version from a bad shape', () => {
    expect(decodeEnvelope(withBody({ version: 2 }))).toEqual({ ok: false, reason: 'version' })
  })

  it.each([
    ['a round that is no hash', { ...FIELDS, round: 'ab' }],
    ['a step that receivers refuse', { ...FIELDS, step: 'a b' }],
  ])('should not seal %s', (_what, fields) => {
    expect(() => sealEnvelope(alice, NAME, fields)).toThrow(TypeError)
  })
})
