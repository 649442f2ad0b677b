import { LIMITS } from '../../../base/index.ts'
import {
  WotsPublicKeyBatchRequestSchema,
  WotsPublicKeyBatchResponseSchema,
  WotsPublicKeyResponseSchema,
  WotsRequestSchema,
  WotsSecretKeyResponseSchema,
  WotsSignatureResponseSchema,
} from '../pb/rpc_pb.ts'
import { BATCH_WAIT, fixedKey, row } from '../row.ts'
import { absent, bytesOf, listOf, required, uint, uintFrom } from '../rules.ts'
import { shape } from '../shape.ts'

const PLACE = { txid: bytesOf(32), vout: uint, index: uint } as const
const noMessage = shape(WotsRequestSchema, { ...PLACE, message: absent() })
const common = { right: 'granted', key: fixedKey('s2/wots'), quota: 's2', idempotent: true } as const

/** 4 bits to a chain of 20-byte hashes, and 4 chains of checksum; a signature has a digit behind each element. */
const chainsOf = (bits: 128 | 256): number => bits / 4 + 4

const publicKey = (bits: 128 | 256) =>
  row({
    summary: `The one-time public key of ${bits}-bit messages at a place.`,
    request: noMessage,
    response: shape(WotsPublicKeyResponseSchema, { publicKey: bytesOf(20 * chainsOf(bits)) }),
    ...common,
    audited: false,
  })
const secretKey = (bits: 128 | 256) =>
  row({
    summary: 'Its secret key, which is then never used to sign here.',
    request: noMessage,
    response: shape(WotsSecretKeyResponseSchema, { secretKey: bytesOf(20 * chainsOf(bits)) }),
    ...common,
    exports: true,
    audited: true,
  })
const signature = (bits: 128 | 256) =>
  row({
    summary: `The signature of the one message of ${bits} bits that this key ever signs.`,
    request: shape(WotsRequestSchema, { ...PLACE, message: required(bytesOf(bits / 8)) }),
    response: shape(WotsSignatureResponseSchema, { signature: bytesOf(21 * chainsOf(bits)) }),
    ...common,
    audited: true,
  })
const publicKeys = (bits: 128 | 256, max: number) =>
  row({
    summary: 'The public keys of a range of indices, in order.',
    request: shape(
      WotsPublicKeyBatchRequestSchema,
      { txid: PLACE.txid, vout: uint, firstIndex: uint, count: uintFrom(1, max) },
      ({ firstIndex, count }) =>
        firstIndex + count > 2 ** 32
          ? { field: 'count', expected: 'indices of 32 bits: first_index + count at most 2^32' }
          : undefined,
    ),
    response: shape(WotsPublicKeyBatchResponseSchema, { publicKeys: listOf(bytesOf(20 * chainsOf(bits)), max, 1) }),
    ...common,
    itemsOf: ({ count }) => count,
    audited: false,
    ...BATCH_WAIT,
  })

export const WOTS = {
  'wots.get_128_public_key': publicKey(128),
  'wots.get_256_public_key': publicKey(256),
  'wots.get_128_secret_key': secretKey(128),
  'wots.get_256_secret_key': secretKey(256),
  'wots.get_128_signature': signature(128),
  'wots.get_256_signature': signature(256),
  'wots.get_128_public_key_batch': publicKeys(128, LIMITS.maxWots128Batch),
  'wots.get_256_public_key_batch': publicKeys(256, LIMITS.maxWots256Batch),
} as const
