import {
  isWireErrorCode,
  type Method,
  type ParamsInit,
  type Result,
  WIRE_ERRORS,
  type WireErrorCode,
} from '../wire/index.ts'

/** How long one call may take, and how to give it up. */
export interface CallOptions {
  /** Default and maximum: the method's (docs/PROTOCOL.md). The promise settles at most a second later. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** Calls a method with params as protobuf has them; rejects with RpcError. Of the options everything else is left alone. */
export type Ask = <M extends Method>(method: M, params: ParamsInit<M>, options?: CallOptions) => Promise<Result<M>>

/** What became of one item of a batch; the others are not touched by it. */
export type ItemOutcome<T> =
  | ({ readonly ok: true } & T)
  | { readonly ok: false; readonly code: WireErrorCode; readonly message: string }

interface WireItemError {
  readonly code: string
}

/** The sentence is this version's own; a code that it doesn't know is read as INTERNAL, as in a whole answer. */
export function refusedItem(error: WireItemError | undefined): ItemOutcome<never> {
  const code = error?.code ?? 'INTERNAL'
  const known = isWireErrorCode(code) ? code : 'INTERNAL'
  return { ok: false, code: known, message: WIRE_ERRORS[known] }
}

/** A field that is not meant is not said at all: an older server refuses fields that it doesn't know. */
export const given = <K extends string, V>(name: K, value: V | null | undefined): { readonly [P in K]?: V } =>
  (value === undefined || value === null ? {} : { [name]: value }) as { readonly [P in K]?: V }
