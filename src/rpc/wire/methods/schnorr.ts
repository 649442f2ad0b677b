import type { MessageShape } from '@bufbuild/protobuf'
import { LIMITS } from '../../../base/index.ts'
import type { SchnorrTarget as Target } from '../../../signer/index.ts'
import {
  SchnorrItemSchema,
  SchnorrOutcomeSchema,
  SchnorrPublicKeyRequestSchema,
  SchnorrPublicKeyResponseSchema,
  SchnorrSignBatchRequestSchema,
  SchnorrSignBatchResponseSchema,
  SchnorrSignRequestSchema,
  SchnorrSignResponseSchema,
  SchnorrTarget,
  TaprootTweakSchema,
  WalletTweakSchema,
} from '../pb/rpc_pb.ts'
import { BATCH_WAIT, keyBy, row } from '../row.ts'
import { absent, bytesOf, listOf, maybe, oneOf, required } from '../rules.ts'
import { shape } from '../shape.ts'
import { words } from '../words.ts'
import { eitherOf, itemError, refusedOf } from './batch.ts'
import { noTweak } from './threshold.ts'

export const TARGETS = words<Target, SchnorrTarget>({
  general: SchnorrTarget.GENERAL,
  stakechain: SchnorrTarget.STAKECHAIN,
  musig2: SchnorrTarget.MUSIG2,
})

const SCALAR = bytesOf(32)
const response = shape(SchnorrSignResponseSchema, { signature: bytesOf(64) })
const key = keyBy<typeof SchnorrSignRequestSchema>('s2/<target>', ({ target }) => `s2/${TARGETS.word(target)}`)
const signing = { response, right: 'granted', key, quota: 's2', audited: true, idempotent: true } as const

const tweak = shape(WalletTweakSchema, {
  kind: oneOf({
    none: noTweak,
    taproot: shape(TaprootTweakSchema, { tapTweak: maybe(bytesOf(32)), keyTweak: maybe(SCALAR) }),
  }),
})
const outcome = shape(
  SchnorrOutcomeSchema,
  { signature: maybe(bytesOf(64)), error: itemError },
  eitherOf<MessageShape<typeof SchnorrOutcomeSchema>, 'signature'>('signature'),
)

export const SCHNORR = {
  'schnorr.sign': row({
    summary:
      'A BIP340 signature of a digest by a wallet, under its output key: tweaked with a merkle root, or with none.',
    request: shape(SchnorrSignRequestSchema, {
      target: TARGETS,
      digest: bytesOf(32),
      tapTweak: maybe(bytesOf(32)),
      keyTweak: absent(),
    }),
    ...signing,
  }),
  'schnorr.sign_no_tweak': row({
    summary: 'The same under the bare key of the wallet, for leaves of a script tree.',
    request: shape(SchnorrSignRequestSchema, {
      target: TARGETS,
      digest: bytesOf(32),
      tapTweak: absent(),
      keyTweak: absent(),
    }),
    ...signing,
  }),
  'schnorr.sign_with_key_tweak': row({
    summary: 'As `schnorr.sign`, after a scalar was added to the key of the wallet.',
    request: shape(SchnorrSignRequestSchema, {
      target: TARGETS,
      digest: bytesOf(32),
      tapTweak: maybe(bytesOf(32)),
      keyTweak: required(SCALAR),
    }),
    ...signing,
  }),
  'schnorr.public_key': row({
    summary: 'The bare key of a wallet.',
    request: shape(SchnorrPublicKeyRequestSchema, { target: TARGETS }),
    response: shape(SchnorrPublicKeyResponseSchema, { publicKey: bytesOf(32) }),
    right: 'granted',
    key: keyBy<typeof SchnorrPublicKeyRequestSchema>('s2/<target>', ({ target }) => `s2/${TARGETS.word(target)}`),
    quota: 'read',
    audited: false,
    idempotent: true,
  }),
  'schnorr.sign_batch': row({
    summary: 'Signatures of a list of digests by one wallet, each with a tweak of its own.',
    request: shape(SchnorrSignBatchRequestSchema, {
      target: TARGETS,
      items: listOf(
        shape(SchnorrItemSchema, { digest: bytesOf(32), tweak: required(tweak) }),
        LIMITS.maxS2BatchItems,
        1,
      ),
    }),
    response: shape(SchnorrSignBatchResponseSchema, { items: listOf(outcome, LIMITS.maxS2BatchItems, 1) }),
    right: 'granted',
    key: keyBy<typeof SchnorrSignBatchRequestSchema>('s2/<target>', ({ target }) => `s2/${TARGETS.word(target)}`),
    quota: 's2',
    itemsOf: ({ items }) => items.length,
    refusedItems: refusedOf,
    audited: true,
    idempotent: true,
    ...BATCH_WAIT,
  }),
} as const
