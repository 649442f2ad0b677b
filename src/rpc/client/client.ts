import { create } from '@bufbuild/protobuf'
import type { Clock } from '../../base/index.ts'
import type { SignItem } from '../../signer/index.ts'
import {
  badRequest,
  fromJson,
  isMethod,
  type JsonObject,
  METHODS,
  type Method,
  type MethodRow,
  type Params,
  type ParamsInit,
  type RequestDesc,
  type ResponseDesc,
  type Result,
  RpcError,
  toJson,
} from '../wire/index.ts'
import type { Link } from './link.ts'
import type { Trusted } from './servers.ts'

/** How long one call may take, and how to give it up. */
export interface CallOptions {
  /** Default and maximum: the method's (docs/PROTOCOL.md). The promise settles at most a second later. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface SignRequest extends CallOptions {
  /** 1 to 64 printable ASCII characters, chosen by you. The same id again gets the same signature; never reuse it for another digest. */
  readonly requestId: string
  /** 32 bytes. */
  readonly digest: Uint8Array
  /** Default: none, the group key as it stands on chain. */
  readonly tweak?: SignItem['tweak']
  /** x-only group key, 32 bytes, of a replaced set that the operators recalled. Default: of the current set. */
  readonly key?: Uint8Array
}

export interface PublicKeyRequest extends CallOptions {
  /** As in `SignRequest`: answers whether it may be signed under. */
  readonly key?: Uint8Array
}

/** A connection to one signer node. Every failure is an `RpcError`: `code`, `message`, and `details` such as who is missing. */
export interface Client {
  /** Who the server is, what it grants this client, and whether it is ready. */
  hello(options?: CallOptions): Promise<Result<'hello'>>
  readonly threshold: {
    /** The group key, x-only, 32 bytes. */
    publicKey(request?: PublicKeyRequest): Promise<Uint8Array>
    /** A BIP340 signature, 64 bytes. `TIMEOUT` names the signers that did not answer in `details.missing`. */
    sign(request: SignRequest): Promise<{ readonly signature: Uint8Array }>
  }
  /** Any method of the table with JSON params: snake_case names, bytes as lower-case hex. */
  call(method: string, params: unknown, options?: CallOptions): Promise<JsonObject>
  /** Whom this client trusts now, for `connect` the next time: it differs from what was given once a server has moved to its next key. */
  trusted(): Trusted
  /** Cancels what is open and lets go of the connection. */
  close(): Promise<void>
}

export interface ClientInit {
  readonly clock: Clock
  readonly trusted: () => Trusted
  readonly release: () => Promise<void>
}

export function clientOver(link: Pick<Link, 'call' | 'close'>, { clock, trusted, release }: ClientInit): Client {
  const send = async <M extends Method>(method: M, params: Params<M>, options: CallOptions): Promise<Result<M>> => {
    const row: MethodRow<RequestDesc<M>, ResponseDesc<M>> = METHODS[method]
    const bytes = row.request.encode(params)
    if (bytes.length > row.maxRequestBytes) throw new RpcError('TOO_LARGE')
    const { timeoutMs = row.defaultTimeoutMs } = options
    if (!(timeoutMs > 0)) throw badRequest('timeout_ms', 'a number of milliseconds above 0')
    // The server cuts a longer wish to the same.
    const deadlineMs = clock.now() + Math.min(timeoutMs, row.maxTimeoutMs)
    const { idempotent } = row
    const result = await link.call({ name: method, idempotent }, bytes, { deadlineMs, signal: options.signal })
    try {
      return row.response.decode(result, 'skip')
    } catch (cause) {
      throw new RpcError('BAD_ANSWER', {}, { cause })
    }
  }
  const request = async <M extends Method>(method: M, init: ParamsInit<M>, options: CallOptions = {}) => {
    const row: MethodRow<RequestDesc<M>, ResponseDesc<M>> = METHODS[method]
    const params = create(row.request.desc, init)
    row.request.assert(params)
    return send(method, params, options)
  }
  const callJson = async <M extends Method>(method: M, json: unknown, options: CallOptions): Promise<JsonObject> => {
    const row: MethodRow<RequestDesc<M>, ResponseDesc<M>> = METHODS[method]
    return toJson(row.response, await send(method, fromJson(row.request, json), options))
  }
  return {
    hello: (options) => request('hello', {}, options),
    threshold: {
      publicKey: async ({ key, ...options } = {}) =>
        (await request('threshold.public_key', keyInit(key), options)).publicKey,
      sign: async ({ requestId, digest, tweak = { kind: 'none' }, key, ...options }) => {
        const params = { requestId, digest, tweak: tweakInit(tweak), ...keyInit(key) }
        const { signature } = await request('threshold.sign', params, options)
        return { signature }
      },
    },
    call: async (method, params, options = {}) => {
      if (!isMethod(method)) throw new RpcError('UNKNOWN_METHOD')
      return callJson(method, params, options)
    },
    trusted,
    close: async () => {
      try {
        await link.close()
      } finally {
        await release()
      }
    },
  }
}

/** Not said at all where it is not meant: an older server refuses a field that it doesn't know. */
const keyInit = (key: Uint8Array | undefined): { readonly key?: Uint8Array } => (key === undefined ? {} : { key })

const tweakInit = (tweak: SignItem['tweak']): ParamsInit<'threshold.sign'>['tweak'] => ({
  kind:
    tweak.kind === 'none'
      ? { case: 'none', value: {} }
      : { case: 'key', value: tweak.merkleRoot === null ? {} : { merkleRoot: tweak.merkleRoot } },
})
