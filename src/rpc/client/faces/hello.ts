import { type Result, RpcError } from '../../wire/index.ts'

/** Who the server is, what it is to this client, and what it grants it. */
export interface Hello {
  readonly peerId: string
  /** 33 bytes. */
  readonly publicKey: Uint8Array
  readonly network: string
  /** What this client is to the server. */
  readonly role: string
  readonly ready: boolean
  readonly waitingFor: readonly string[]
  /** Those that this client may call. */
  readonly methods: readonly string[]
  readonly limits: {
    readonly maxFrameBytes: number
    readonly maxInFlight: number
    readonly maxAnswerFrameBytes: number
  }
  readonly versions: { readonly protocol: string; readonly software: string }
  /** 33 bytes; undefined = the server moves to no other key. */
  readonly nextPublicKey: Uint8Array | undefined
  /** `native` or `reference`; undefined = the server has no secret service. */
  readonly nonceMode: string | undefined
}

/** Without what protobuf adds to its messages. */
export function helloOf(wire: Result<'hello'>): Hello {
  const { limits, versions, nextPublicKey, nonceMode } = wire
  // The shape of the answer has seen to it; its type doesn't say so.
  if (limits === undefined || versions === undefined) throw new RpcError('BAD_ANSWER')
  const { maxFrameBytes, maxInFlight, maxAnswerFrameBytes } = limits
  return {
    peerId: wire.peerId,
    publicKey: wire.publicKey,
    network: wire.network,
    role: wire.role,
    ready: wire.ready,
    waitingFor: wire.waitingFor,
    methods: wire.methods,
    limits: { maxFrameBytes, maxInFlight, maxAnswerFrameBytes },
    versions: { protocol: versions.protocol, software: versions.software },
    nextPublicKey,
    nonceMode,
  }
}
