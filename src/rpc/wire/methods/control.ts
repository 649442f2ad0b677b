import {
  HealthRequestSchema,
  HealthResponseSchema,
  HelloRequestSchema,
  HelloResponseSchema,
  LimitsSchema,
  VersionsSchema,
} from '../pb/rpc_pb.ts'
import { row } from '../row.ts'
import { bool, bytesOf, listOf, maybe, printable, required, uint } from '../rules.ts'
import { shape } from '../shape.ts'

/** What the node waits for before it can serve threshold requests; none = ready. */
export const waitingFor = listOf(printable(64), 16)

export const CONTROL = {
  hello: row({
    summary: 'Says who the server is, what the caller is to it, what the caller may call, and under which limits.',
    request: shape(HelloRequestSchema, {}),
    response: shape(HelloResponseSchema, {
      peerId: printable(60),
      publicKey: bytesOf(33),
      network: printable(64),
      role: printable(32),
      ready: bool,
      waitingFor,
      methods: listOf(printable(64), 128),
      limits: required(shape(LimitsSchema, { maxFrameBytes: uint, maxInFlight: uint, maxAnswerFrameBytes: uint })),
      versions: required(shape(VersionsSchema, { protocol: printable(64), software: printable(64) })),
      nextPublicKey: maybe(bytesOf(33)),
      nonceMode: maybe(printable(16)),
    }),
    right: 'admitted',
    key: undefined,
    quota: 'control',
    audited: false,
    idempotent: true,
  }),
  health: row({
    summary: 'Whether threshold requests can be served now, and if not, what the node waits for.',
    request: shape(HealthRequestSchema, {}),
    response: shape(HealthResponseSchema, { ready: bool, waitingFor }),
    right: 'admitted',
    key: undefined,
    quota: 'control',
    audited: false,
    idempotent: true,
  }),
} as const
