import { LIMITS } from '../../../base/index.ts'
import {
  KeyTweakSchema,
  NoTweakSchema,
  ThresholdItemSchema,
  ThresholdPublicKeyRequestSchema,
  ThresholdPublicKeyResponseSchema,
  ThresholdSignBatchRequestSchema,
  ThresholdSignBatchResponseSchema,
  ThresholdSignRequestSchema,
  ThresholdSignResponseSchema,
  ThresholdStatusRequestSchema,
  ThresholdStatusResponseSchema,
  TweakSchema,
} from '../pb/rpc_pb.ts'
import { fixedKey, row } from '../row.ts'
import { bool, bytesOf, listOf, maybe, oneOf, printable, required, uint64 } from '../rules.ts'
import { shape } from '../shape.ts'
import { waitingFor } from './control.ts'

export const noTweak = shape(NoTweakSchema, {})
export const keyTweak = shape(KeyTweakSchema, { merkleRoot: maybe(bytesOf(32)) })
const tweak = required(shape(TweakSchema, { kind: oneOf({ none: noTweak, key: keyTweak }) }))

/** The signer cuts a longer deadline to the same. */
const SIGN_WAIT = { defaultTimeoutMs: LIMITS.signTimeoutMs, maxTimeoutMs: LIMITS.signTimeoutMs } as const

export const THRESHOLD = {
  'threshold.public_key': row({
    summary:
      'The group key of the current signer set as it stands on chain, x-only; or the one asked for, if it may be signed under.',
    request: shape(ThresholdPublicKeyRequestSchema, { key: maybe(bytesOf(32)) }),
    response: shape(ThresholdPublicKeyResponseSchema, { publicKey: bytesOf(32) }),
    right: 'granted',
    key: fixedKey('threshold'),
    quota: 'read',
    audited: false,
    idempotent: true,
  }),
  'threshold.sign': row({
    summary: 'A BIP340 signature of a digest by the signer set, under the group key or the group key tweaked.',
    request: shape(ThresholdSignRequestSchema, {
      requestId: printable(LIMITS.maxRequestIdBytes),
      digest: bytesOf(32),
      tweak,
      key: maybe(bytesOf(32)),
    }),
    response: shape(ThresholdSignResponseSchema, { signature: bytesOf(64) }),
    right: 'granted',
    key: fixedKey('threshold'),
    quota: 'sign',
    audited: true,
    idempotent: true,
    ...SIGN_WAIT,
  }),
  'threshold.sign_batch': row({
    summary: 'The same for a list of digests under one request id: all are signed or none.',
    request: shape(ThresholdSignBatchRequestSchema, {
      requestId: printable(LIMITS.maxRequestIdBytes),
      items: listOf(shape(ThresholdItemSchema, { digest: bytesOf(32), tweak }), LIMITS.maxSignItems, 1),
      key: maybe(bytesOf(32)),
      expiresAtMs: maybe(uint64),
    }),
    response: shape(ThresholdSignBatchResponseSchema, { signatures: listOf(bytesOf(64), LIMITS.maxSignItems, 1) }),
    right: 'granted',
    key: fixedKey('threshold'),
    quota: 'sign',
    itemsOf: ({ items }) => items.length,
    audited: true,
    idempotent: true,
    ...SIGN_WAIT,
  }),
  'threshold.status': row({
    summary: 'Whether the set can sign through this node, under which key, and what decides here.',
    request: shape(ThresholdStatusRequestSchema, {}),
    response: shape(ThresholdStatusResponseSchema, {
      ready: bool,
      waitingFor,
      publicKey: maybe(bytesOf(32)),
      setHash: maybe(bytesOf(32)),
      policy: printable(16),
    }),
    right: 'granted',
    key: fixedKey('threshold'),
    quota: 'read',
    audited: false,
    idempotent: true,
  }),
} as const
