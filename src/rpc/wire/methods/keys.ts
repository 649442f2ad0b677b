import { LIMITS } from '../../../base/index.ts'
import type { KeyCapability as Capability, KeyScheme as Scheme, KeyType as Type } from '../../../signer/index.ts'
import {
  DomainMessageSchema,
  KeyCapability,
  KeyInfoSchema,
  KeyMessageSchema,
  KeyScheme,
  KeysAgreeRequestSchema,
  KeysAgreeResponseSchema,
  KeysBackupRequestSchema,
  KeysBackupResponseSchema,
  KeysDropRequestSchema,
  KeysDropResponseSchema,
  KeysGenerateRequestSchema,
  KeysListRequestSchema,
  KeysListResponseSchema,
  KeysProvisionRequestSchema,
  KeysPublicKeyRequestSchema,
  KeysPublicKeyResponseSchema,
  KeysRecipientRequestSchema,
  KeysRecipientResponseSchema,
  KeysRotateRequestSchema,
  KeysSignRequestSchema,
  KeysSignResponseSchema,
  KeyType,
  KeyVersionSchema,
  RawDigestSchema,
} from '../pb/rpc_pb.ts'
import { fixedKey, keyBy, row } from '../row.ts'
import {
  bool,
  bytesOf,
  bytesUpTo,
  listOf,
  lowerHex,
  maybe,
  oneOf,
  printable,
  required,
  rule,
  uint64,
  uintFrom,
} from '../rules.ts'
import { shape } from '../shape.ts'
import { words } from '../words.ts'

export const KEY_TYPE = words<Type, KeyType>({
  secp256k1: KeyType.SECP256K1,
  ed25519: KeyType.ED25519,
  x25519: KeyType.X25519,
})
export const CAPABILITY = words<Capability, KeyCapability>({
  sign: KeyCapability.SIGN,
  agree: KeyCapability.AGREE,
  export: KeyCapability.EXPORT,
})
export const SCHEME = words<Scheme, KeyScheme>({
  schnorr: KeyScheme.SCHNORR,
  ecdsa: KeyScheme.ECDSA,
  ed25519: KeyScheme.ED25519,
})

/** As `KeySpec.name` says; roles alike. */
const name = rule<string>('1 to 64 of a-z, 0-9, ".", "_" and "-"', 64, (v) => /^[a-z0-9._-]{1,64}$/.test(v))
const version = uintFrom(1, 0xffff_ffff)
const publicKey = bytesUpTo(33, 1)
/** Of domains and contexts: words of a protocol, with paths. */
const text = rule<string>('1 to 64 of a-z, 0-9, ".", "_", "/" and "-"', 64, (v) => /^[a-z0-9._/-]{1,64}$/.test(v))
/** age recipients of one X25519 key have 62 characters; those of plugins are longer. */
const recipient = printable(256)
const sealed = bytesUpTo(LIMITS.maxKeyBackupBytes, 1)

const info = shape(KeyInfoSchema, {
  id: lowerHex(16),
  name,
  type: KEY_TYPE,
  role: name,
  capabilities: listOf(CAPABILITY, 3),
  versions: listOf(shape(KeyVersionSchema, { version, publicKey, createdAtMs: uint64 }), LIMITS.maxKeyVersions, 1),
  dropping: bool,
})

const named = keyBy<
  | typeof KeysGenerateRequestSchema
  | typeof KeysPublicKeyRequestSchema
  | typeof KeysSignRequestSchema
  | typeof KeysAgreeRequestSchema
  | typeof KeysRotateRequestSchema
  | typeof KeysBackupRequestSchema
  | typeof KeysDropRequestSchema
>('keys/<name>', (params) => `keys/${params.name}`)
const common = { right: 'granted', key: named, quota: 'keys', audited: true, idempotent: false } as const

export const KEYS = {
  'keys.generate': row({
    summary: 'Makes a key of this name.',
    request: shape(KeysGenerateRequestSchema, {
      name,
      type: KEY_TYPE,
      role: name,
      capabilities: listOf(CAPABILITY, 3, 1),
    }),
    response: info,
    ...common,
  }),
  'keys.public_key': row({
    summary: 'The public key of a version, of the newest one if none is named.',
    request: shape(KeysPublicKeyRequestSchema, { name, version: maybe(version) }),
    response: shape(KeysPublicKeyResponseSchema, { publicKey, version, type: KEY_TYPE, createdAtMs: uint64 }),
    ...common,
    quota: 'read',
    audited: false,
    idempotent: true,
  }),
  'keys.sign': row({
    summary: "A signature of a message under a domain of the caller's, or of 32 bytes as they are.",
    request: shape(KeysSignRequestSchema, {
      name,
      version: maybe(version),
      scheme: SCHEME,
      message: required(
        shape(KeyMessageSchema, {
          kind: oneOf({
            message: shape(DomainMessageSchema, { domain: text, message: bytesUpTo(LIMITS.maxKeyMessageBytes) }),
            raw: shape(RawDigestSchema, { digest: bytesOf(32) }),
          }),
        }),
      ),
    }),
    response: shape(KeysSignResponseSchema, { signature: bytesOf(64) }),
    ...common,
    isRaw: ({ message }) => message?.kind.case === 'raw',
    idempotent: true,
  }),
  'keys.agree': row({
    summary: "A secret shared with the holder of another X25519 key, for a context of the caller's.",
    request: shape(KeysAgreeRequestSchema, {
      name,
      version: maybe(version),
      peerPublicKey: bytesOf(32),
      context: text,
    }),
    response: shape(KeysAgreeResponseSchema, { sharedSecret: bytesOf(32) }),
    ...common,
    idempotent: true,
  }),
  'keys.list': row({
    summary: 'The keys of this node by name, a page at a time.',
    request: shape(KeysListRequestSchema, { after: maybe(name) }),
    response: shape(KeysListResponseSchema, { keys: listOf(info, LIMITS.maxKeysPerPage), more: bool }),
    ...common,
    key: undefined,
    quota: 'read',
    audited: false,
    idempotent: true,
  }),
  'keys.rotate': row({
    summary: 'Makes a new version, which signs from now on.',
    request: shape(KeysRotateRequestSchema, { name }),
    response: info,
    ...common,
  }),
  'keys.backup': row({
    summary: 'All versions of a key, sealed to an age recipient.',
    request: shape(KeysBackupRequestSchema, { name, recipient }),
    response: shape(KeysBackupResponseSchema, { sealed }),
    ...common,
    exports: true,
    idempotent: true,
  }),
  'keys.recipient': row({
    summary: 'The age recipient that a key for this node is sealed to.',
    request: shape(KeysRecipientRequestSchema, {}),
    response: shape(KeysRecipientResponseSchema, { recipient }),
    ...common,
    key: undefined,
    quota: 'read',
    audited: false,
    idempotent: true,
  }),
  'keys.provision': row({
    summary: 'Takes in a key that was sealed to this node.',
    request: shape(KeysProvisionRequestSchema, { sealed }),
    response: info,
    ...common,
    // Which key it is can't be seen before it is opened.
    key: fixedKey('keys/*'),
  }),
  'keys.drop': row({
    summary: 'Destroys a key in two steps: the first answers a token, the second takes it.',
    request: shape(KeysDropRequestSchema, { name, token: maybe(bytesOf(16)) }),
    response: shape(KeysDropResponseSchema, { dropped: bool, token: maybe(bytesOf(16)) }),
    ...common,
  }),
} as const
