import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  accept,
  encodeFields,
  equalBytes,
  fromHex,
  isHex,
  type Outcome,
  type PublicKey,
  refuse,
  toHex,
} from '../base/index.ts'
import { type KeyPair, parsePublicKey, publicKeyBytes, verifyTagged } from '../curve/index.ts'
import { type EnvelopeBody, EnvelopeBodySchema, SignedEnvelopeSchema } from './pb/envelope_pb.ts'
import { topicName } from './topic.ts'
import type { Topic, Utterance } from './types.ts'

const TAG = 'countersign/envelope'
const VERSION = 1
/** Printable ASCII without space, so that steps compare and print as what they are. */
const STEP = /^[\x21-\x7e]{1,32}$/

/** What the signed bytes say, beside the topic they were signed for. */
export interface EnvelopeFields extends Utterance {
  readonly author: PublicKey
  readonly boot: number
  readonly counter: number
  readonly expiresAtMs: number
}

/** Decoded under limits, signature not yet checked (R13 charges the forwarder before that work). */
export interface DecodedEnvelope {
  readonly fields: EnvelopeFields
  readonly body: Uint8Array
  readonly signature: Uint8Array
  readonly wire: Uint8Array
}

/** The signature covers tag, version, topic and the exact body bytes (R12). */
const signedMessage = (topic: string, body: Uint8Array): Uint8Array => encodeFields(VERSION, topic, body)

/** Encodes and signs. Throws TypeError on fields that no receiver would accept. */
export function sealEnvelope(key: KeyPair, topic: string, fields: Omit<EnvelopeFields, 'author'>): Uint8Array {
  if (!isHex(fields.round, 32)) throw new TypeError('envelope: round must be 64 lower-case hex digits')
  if (!STEP.test(fields.step)) throw new TypeError('envelope: step must be 1–32 printable ASCII characters')
  const body = toBinary(
    EnvelopeBodySchema,
    create(EnvelopeBodySchema, {
      version: VERSION,
      author: publicKeyBytes(key.publicKey),
      round: fromHex(fields.round),
      attempt: fields.attempt,
      step: fields.step,
      boot: BigInt(fields.boot),
      counter: BigInt(fields.counter),
      expiresAtMs: BigInt(fields.expiresAtMs),
      payload: fields.payload,
    }),
  )
  const signature = key.sign(TAG, signedMessage(topic, body))
  return toBinary(SignedEnvelopeSchema, create(SignedEnvelopeSchema, { body, signature }))
}

/**
 * Decodes what `sealEnvelope` makes and nothing else: every field in its range, and only the canonical encoding of both
 * messages, since a second encoding of the same words would be a second message id (R12). Never throws.
 */
export function decodeEnvelope(wire: Uint8Array): Outcome<DecodedEnvelope, 'malformed' | 'version'> {
  // A copy: the wire may be a view into a large received buffer that a small payload would keep alive.
  const own = wire.slice()
  try {
    const outer = fromBinary(SignedEnvelopeSchema, own, { readUnknownFields: false })
    if (outer.signature.length !== 64) return refuse('malformed')
    const body = fromBinary(EnvelopeBodySchema, outer.body, { readUnknownFields: false })
    if (body.version !== VERSION) return refuse('version')
    if (!equalBytes(toBinary(EnvelopeBodySchema, body), outer.body)) return refuse('malformed')
    if (!equalBytes(toBinary(SignedEnvelopeSchema, outer), own)) return refuse('malformed')
    const fields = fieldsOf(body)
    if (fields === undefined) return refuse('malformed')
    return accept({ fields, body: outer.body, signature: outer.signature, wire: own })
  } catch {
    // Truncated or overlong protobuf, or an author that is no point: both are a bad shape.
    return refuse('malformed')
  }
}

/** Never throws. */
export const hasValidSignature = (envelope: DecodedEnvelope, topic: string): boolean =>
  verifyTagged(TAG, signedMessage(topic, envelope.body), envelope.signature, publicKeyBytes(envelope.fields.author))

/**
 * What a wire says under a topic, for whoever holds it as evidence; undefined unless it is well-formed and its author's
 * signature stands. Says nothing about roles, sequence or time.
 */
export function openEnvelope(topic: Topic, wire: Uint8Array): EnvelopeFields | undefined {
  const decoded = decodeEnvelope(wire)
  return decoded.ok && hasValidSignature(decoded.value, topicName(topic)) ? decoded.value.fields : undefined
}

function fieldsOf(body: EnvelopeBody): EnvelopeFields | undefined {
  const boot = Number(body.boot)
  const counter = Number(body.counter)
  const expiresAtMs = Number(body.expiresAtMs)
  const numbersAreSafe = [boot, counter, expiresAtMs].every(Number.isSafeInteger)
  if (body.author.length !== 33 || body.round.length !== 32 || !STEP.test(body.step) || !numbersAreSafe)
    return undefined
  return {
    author: parsePublicKey(body.author),
    round: toHex(body.round),
    attempt: body.attempt,
    step: body.step,
    boot,
    counter,
    expiresAtMs,
    payload: body.payload,
  }
}
