import type { MessageShape } from '@bufbuild/protobuf'
import { LIMITS } from '../../../base/index.ts'
import {
  MusigNonceBatchRequestSchema,
  MusigNonceBatchResponseSchema,
  MusigNonceRequestSchema,
  MusigNonceResponseSchema,
  MusigOutpointNonceRequestSchema,
  MusigOutpointPartialRequestSchema,
  MusigPartialBatchRequestSchema,
  MusigPartialBatchResponseSchema,
  MusigPartialRequestSchema,
  MusigPartialResponseSchema,
  MusigTweakSchema,
  NonceOutcomeSchema,
  PartialItemSchema,
  PartialOutcomeSchema,
  ScriptTweakSchema,
} from '../pb/rpc_pb.ts'
import { BATCH_WAIT, fixedKey, row, type Surcharge } from '../row.ts'
import { bytesOf, listOf, maybe, oneOf, required, uint } from '../rules.ts'
import { shape } from '../shape.ts'
import { eitherOf, itemError, refusedOf } from './batch.ts'
import { keyTweak } from './threshold.ts'

const PUB_NONCE = bytesOf(66)
const PARTIAL_SIG = bytesOf(32)
const SIGHASH = bytesOf(32)

const params = {
  orderedPubkeys: listOf(bytesOf(32), LIMITS.maxSigners, 1),
  tweak: required(shape(MusigTweakSchema, { kind: oneOf({ key: keyTweak, script: shape(ScriptTweakSchema, {}) }) })),
} as const
const outpoint = { txid: bytesOf(32), vout: uint } as const

/** Keys that are aggregated in about the time of one item, half a millisecond: a list that comes for the first time costs so much. */
const KEYS_PER_TOKEN = 6
const surcharge: Surcharge<{ readonly orderedPubkeys: readonly Uint8Array[] }> = {
  says: `ordered_pubkeys / ${KEYS_PER_TOKEN}`,
  of: ({ orderedPubkeys }) => Math.floor(orderedPubkeys.length / KEYS_PER_TOKEN),
}
const about = { right: 'granted', key: fixedKey('s2/musig2'), quota: 's2', audited: true, idempotent: true } as const
const common = { ...about, surcharge } as const
const nonce = { ...common, response: shape(MusigNonceResponseSchema, { pubNonce: PUB_NONCE }) } as const
const partial = { ...common, response: shape(MusigPartialResponseSchema, { partialSig: PARTIAL_SIG }) } as const

const nonceOutcome = shape(
  NonceOutcomeSchema,
  { pubNonce: maybe(PUB_NONCE), error: itemError },
  eitherOf<MessageShape<typeof NonceOutcomeSchema>, 'pubNonce'>('pubNonce'),
)
const partialOutcome = shape(
  PartialOutcomeSchema,
  { partialSig: maybe(PARTIAL_SIG), error: itemError },
  eitherOf<MessageShape<typeof PartialOutcomeSchema>, 'partialSig'>('partialSig'),
)

export const MUSIG2 = {
  'musig2.get_pub_nonce': row({
    summary: "This operator's public nonce for a sighash.",
    request: shape(MusigNonceRequestSchema, { ...params, sighash: SIGHASH }),
    ...nonce,
  }),
  'musig2.get_our_partial_sig': row({
    summary: "This operator's partial signature of a sighash, verified before it is answered.",
    request: shape(MusigPartialRequestSchema, { ...params, sighash: SIGHASH, aggnonce: PUB_NONCE }),
    ...partial,
  }),
  'musig2.get_pub_nonce_for_outpoint': row({
    summary: 'The nonce of the older form, which is for an outpoint and not for what will be signed.',
    request: shape(MusigOutpointNonceRequestSchema, { ...params, ...outpoint }),
    ...nonce,
  }),
  'musig2.get_our_partial_sig_for_outpoint': row({
    summary: 'The partial signature of the older form, of the one message that the nonce is then used for.',
    request: shape(MusigOutpointPartialRequestSchema, {
      ...params,
      ...outpoint,
      aggnonce: PUB_NONCE,
      message: bytesOf(32),
    }),
    ...partial,
  }),
  'musig2.get_pub_nonce_batch': row({
    summary: 'Public nonces for a list of sighashes under the same keys and tweak.',
    request: shape(MusigNonceBatchRequestSchema, {
      ...params,
      sighashes: listOf(SIGHASH, LIMITS.maxS2BatchItems, 1),
    }),
    response: shape(MusigNonceBatchResponseSchema, { items: listOf(nonceOutcome, LIMITS.maxS2BatchItems, 1) }),
    ...common,
    itemsOf: ({ sighashes }) => sighashes.length,
    refusedItems: refusedOf,
    ...BATCH_WAIT,
  }),
  'musig2.get_our_partial_sig_batch': row({
    summary: 'Partial signatures of a list of sighashes under the same keys and tweak.',
    request: shape(MusigPartialBatchRequestSchema, {
      ...params,
      items: listOf(shape(PartialItemSchema, { sighash: SIGHASH, aggnonce: PUB_NONCE }), LIMITS.maxS2BatchItems, 1),
    }),
    response: shape(MusigPartialBatchResponseSchema, { items: listOf(partialOutcome, LIMITS.maxS2BatchItems, 1) }),
    ...common,
    itemsOf: ({ items }) => items.length,
    refusedItems: refusedOf,
    ...BATCH_WAIT,
  }),
} as const
