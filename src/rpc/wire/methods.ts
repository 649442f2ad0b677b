import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import { LIMITS } from '../../base/index.ts'
import {
  HelloRequestSchema,
  HelloResponseSchema,
  KeyTweakSchema,
  LimitsSchema,
  NoTweakSchema,
  ThresholdPublicKeyRequestSchema,
  ThresholdPublicKeyResponseSchema,
  ThresholdSignRequestSchema,
  ThresholdSignResponseSchema,
  TweakSchema,
  VersionsSchema,
} from './pb/rpc_pb.ts'
import { bool, bytesOf, listOf, maybe, oneOf, printable, required, uint } from './rules.ts'
import { type Shape, shape } from './shape.ts'

/** Who may call: `admitted` = whoever may open the stream, `granted` = who was granted this method in the config. */
export type Right = 'admitted' | 'granted'
/** Rate limits are kept per client and class (`server/quota.ts`). */
export const QUOTA_CLASSES = ['control', 'read', 'sign'] as const
export type QuotaClass = (typeof QUOTA_CLASSES)[number]

/** One method. Server, client and docs/PROTOCOL.md all follow from this row. */
export interface MethodRow<Q extends DescMessage = DescMessage, A extends DescMessage = DescMessage> {
  /** One sentence, for the docs. */
  readonly summary: string
  readonly request: Shape<Q>
  readonly response: Shape<A>
  readonly right: Right
  readonly quota: QuotaClass
  /** The same params again do and answer the same, so a client may repeat it after a lost connection. */
  readonly idempotent: boolean
  /** Of the encoded params. */
  readonly maxRequestBytes: number
  readonly defaultTimeoutMs: number
  /** A longer wish is cut to this. */
  readonly maxTimeoutMs: number
}

const row = <Q extends DescMessage, A extends DescMessage>(r: MethodRow<Q, A>): MethodRow<Q, A> => r

const tweak = shape(TweakSchema, {
  kind: oneOf({ none: shape(NoTweakSchema, {}), key: shape(KeyTweakSchema, { merkleRoot: maybe(bytesOf(32)) }) }),
})

const TABLE = {
  hello: row({
    summary: 'Says who the server is, what the caller is to it, what the caller may call, and under which limits.',
    request: shape(HelloRequestSchema, {}),
    response: shape(HelloResponseSchema, {
      peerId: printable(60),
      publicKey: bytesOf(33),
      network: printable(64),
      role: printable(32),
      ready: bool,
      waitingFor: listOf(printable(64), 16),
      methods: listOf(printable(64), 128),
      limits: required(shape(LimitsSchema, { maxFrameBytes: uint, maxInFlight: uint })),
      versions: required(shape(VersionsSchema, { protocol: printable(64), software: printable(64) })),
    }),
    right: 'admitted',
    quota: 'control',
    idempotent: true,
    maxRequestBytes: 64,
    defaultTimeoutMs: 5_000,
    maxTimeoutMs: 30_000,
  }),
  'threshold.public_key': row({
    summary:
      'The group key of the current signer set as it stands on chain, x-only; or the one asked for, if it may be signed under.',
    request: shape(ThresholdPublicKeyRequestSchema, { key: maybe(bytesOf(32)) }),
    response: shape(ThresholdPublicKeyResponseSchema, { publicKey: bytesOf(32) }),
    right: 'granted',
    quota: 'read',
    idempotent: true,
    maxRequestBytes: 64,
    defaultTimeoutMs: 5_000,
    maxTimeoutMs: 30_000,
  }),
  'threshold.sign': row({
    summary: 'A BIP340 signature of a digest by the signer set, under the group key or the group key tweaked.',
    request: shape(ThresholdSignRequestSchema, {
      requestId: printable(LIMITS.maxRequestIdBytes),
      digest: bytesOf(32),
      tweak: required(tweak),
      key: maybe(bytesOf(32)),
    }),
    response: shape(ThresholdSignResponseSchema, { signature: bytesOf(64) }),
    right: 'granted',
    quota: 'sign',
    idempotent: true,
    maxRequestBytes: 512,
    defaultTimeoutMs: LIMITS.signTimeoutMs,
    // The signer cuts a longer deadline to the same.
    maxTimeoutMs: LIMITS.signTimeoutMs,
  }),
} as const satisfies Readonly<Record<string, MethodRow>>

type Table = typeof TABLE
export type Method = keyof Table
export type RequestDesc<M extends Method> = Table[M] extends MethodRow<infer Q, infer _A> ? Q : never
export type ResponseDesc<M extends Method> = Table[M] extends MethodRow<infer _Q, infer A> ? A : never
/** Decoded and checked params of a method. */
export type Params<M extends Method> = MessageShape<RequestDesc<M>>
/** What a handler may return for a method, and a client may send as params. */
export type ParamsInit<M extends Method> = MessageInitShape<RequestDesc<M>>
export type Result<M extends Method> = MessageShape<ResponseDesc<M>>
export type ResultInit<M extends Method> = MessageInitShape<ResponseDesc<M>>

export const METHODS: { readonly [M in Method]: MethodRow<RequestDesc<M>, ResponseDesc<M>> } = TABLE

export function isMethod(name: string): name is Method {
  return Object.hasOwn(METHODS, name)
}
export const METHOD_NAMES: readonly Method[] = Object.keys(METHODS).filter(isMethod)
