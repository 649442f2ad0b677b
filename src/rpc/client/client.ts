import { create, type DescMessage, type MessageShape } from '@bufbuild/protobuf'
import type { Clock } from '../../base/index.ts'
import {
  badRequest,
  fromJson,
  isMethod,
  type JsonObject,
  METHODS,
  type Method,
  type MethodRow,
  type RequestDesc,
  type ResponseDesc,
  type Result,
  RpcError,
  toJson,
} from '../wire/index.ts'
import type { Shape } from '../wire/shape.ts'
import type { Ask, CallOptions } from './ask.ts'
import { type Hello, helloOf } from './faces/hello.ts'
import { type KeysFace, keysFace } from './faces/keys.ts'
import { type Musig2Face, musig2Face } from './faces/musig2.ts'
import { type P2pFace, p2pFace } from './faces/p2p.ts'
import { type PreimagesFace, preimagesFace } from './faces/preimages.ts'
import { type SchnorrFace, schnorrFace } from './faces/schnorr.ts'
import { type ThresholdFace, thresholdFace } from './faces/threshold.ts'
import { type WotsFace, wotsFace } from './faces/wots.ts'
import type { Link } from './link.ts'
import type { Trusted } from './servers.ts'

/** A connection to a signer node. Every failure is an `RpcError`: `code`, `message`, and `details` such as who is missing. */
export interface Client {
  /** Who the server is, what it grants this client, and whether it is ready. */
  hello(options?: CallOptions): Promise<Hello>
  /** Whether threshold requests can be served now, and what the server waits for. */
  health(options?: CallOptions): Promise<{ readonly ready: boolean; readonly waitingFor: readonly string[] }>
  readonly threshold: ThresholdFace
  readonly schnorr: SchnorrFace
  readonly p2p: P2pFace
  readonly musig2: Musig2Face
  readonly preimages: PreimagesFace
  readonly wots: WotsFace
  readonly keys: KeysFace
  /** Any method of the table with JSON params: snake_case names, bytes as lower-case hex. */
  call(method: string, params: unknown, options?: CallOptions): Promise<JsonObject>
  /** Whom this client trusts now, for `connect` the next time: it differs from what was given once a server has moved to its next key. */
  trusted(): Trusted
  /** Cancels what is open and lets go of the connection. */
  close(): Promise<void>
}

type Camel<S extends string> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S
type At<T, K extends string> = K extends keyof T ? T[K] : never
type FaceOf<M extends string> = M extends `${infer Room}.${infer Name}`
  ? At<At<Client, Room>, Camel<Name>>
  : At<Client, Camel<M>>
/** Rows of the table that have no typed face. */
type Faceless = { [M in Method]: [FaceOf<M>] extends [never] ? M : never }[Method]
/** Does not build while a method of the table has no typed face; the error names it. */
const isTotal: [Faceless] extends [never] ? true : Faceless = true
void isTotal

/** Params of a call before anybody is connected to: of what they say, only the server knows more. Throws as `Client.call`. */
export function checkCall(method: string, params: unknown): { readonly method: Method; readonly params: unknown } {
  if (!isMethod(method)) throw new RpcError('UNKNOWN_METHOD')
  const check = <M extends Method>(name: M) => {
    const row: MethodRow<RequestDesc<M>, ResponseDesc<M>> = METHODS[name]
    encoded(row.request, fromJson(row.request, params))
  }
  check(method)
  return { method, params }
}

/** What the types of this language don't say, like how large a number may be, protobuf does. */
function encoded<D extends DescMessage>({ encode }: Shape<D>, params: MessageShape<D>): Uint8Array {
  try {
    return encode(params)
  } catch (cause) {
    throw new RpcError('BAD_REQUEST', { field: 'params', expected: 'values as docs/PROTOCOL.md gives them' }, { cause })
  }
}

const NOTHING = new Uint8Array(0)
const same = <T>(result: T): T => result

function answerIn<D extends DescMessage>({ decode }: Shape<D>, bytes: Uint8Array): MessageShape<D> {
  try {
    return decode(bytes, 'skip')
  } catch (cause) {
    throw new RpcError('BAD_ANSWER', {}, { cause })
  }
}

export interface ClientInit {
  readonly clock: Clock
  readonly trusted: () => Trusted
  readonly release: () => Promise<void>
}

export function clientOver(link: Pick<Link, 'call' | 'close'>, { clock, trusted, release }: ClientInit): Client {
  const send = <M extends Method, T>(
    method: M,
    bytes: Uint8Array,
    options: CallOptions,
    as: (result: Result<M>) => T,
  ): Promise<T> => {
    const row: MethodRow<RequestDesc<M>, ResponseDesc<M>> = METHODS[method]
    if (bytes.length > row.maxRequestBytes) throw new RpcError('TOO_LARGE')
    const { timeoutMs = row.defaultTimeoutMs } = options
    if (!(timeoutMs > 0)) throw badRequest('timeout_ms', 'a number of milliseconds above 0')
    // The server cuts a longer wish to the same.
    const deadlineMs = clock.now() + Math.min(timeoutMs, row.maxTimeoutMs)
    const { idempotent } = row
    return link.call({ name: method, idempotent }, bytes, { deadlineMs, signal: options.signal }, (result) =>
      as(answerIn(row.response, result)),
    )
  }
  const ask: Ask = async (method, init, options = {}) => {
    const { request } = METHODS[method]
    const params = create(request.desc, init)
    request.assert(params)
    return send(method, encoded(request, params), options, same)
  }
  const callJson = async <M extends Method>(method: M, json: unknown, options: CallOptions): Promise<JsonObject> => {
    const row: MethodRow<RequestDesc<M>, ResponseDesc<M>> = METHODS[method]
    const bytes = encoded(row.request, fromJson(row.request, json))
    return send(method, bytes, options, (result) => toJson(row.response, result))
  }
  return {
    hello: async (options) => helloOf(await ask('hello', {}, options)),
    health: async (options = {}) =>
      send('health', NOTHING, options, ({ ready, waitingFor }) => ({ ready, waitingFor })),
    threshold: thresholdFace(ask),
    schnorr: schnorrFace(ask),
    p2p: p2pFace(ask),
    musig2: musig2Face(ask),
    preimages: preimagesFace(ask),
    wots: wotsFace(ask),
    keys: keysFace(ask),
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
