import { create } from '@bufbuild/protobuf'
import {
  METHOD_NAMES,
  METHODS,
  type Method,
  type MethodRow,
  type Params,
  type RequestDesc,
  type ResponseDesc,
  type ResultInit,
} from '../wire/index.ts'
import type { AccessScope, CallContext, Handler, Handlers } from './types.ts'

/** A request whose params were decoded and checked. */
export interface DecodedCall {
  readonly scope: AccessScope
  readonly items: number
  /** What it takes of its class: its items, and what it costs beside them. */
  readonly cost: number
  /** Room that its answer may need. */
  readonly maxAnswerBytes: number
  /** Throws what the handler throws. No promise if the handler needed none. */
  run(context: CallContext): CallResult | Promise<CallResult>
}
export interface CallResult {
  /** Encoded. */
  readonly bytes: Uint8Array
  /** Codes of items of a batch that were refused. */
  readonly refusedItems: readonly string[]
}

/** A method with its handler, from bytes to bytes. */
export interface BoundMethod {
  readonly name: Method
  readonly row: MethodRow
  /** What an answered request is counted under: always the same object. */
  readonly ok: { readonly method: string; readonly outcome: string }
  /** What may be asked before the params are decoded. */
  readonly scope: AccessScope
  /** The params say more about what is asked for than `scope`. */
  readonly isScopedByParams: boolean
  /** Throws RpcError BAD_REQUEST. */
  decode(params: Uint8Array): DecodedCall
}

/** Every row of the table with its handler: a row without one does not build. */
export function bindAll(handlers: Handlers): ReadonlyMap<string, BoundMethod> {
  return new Map(METHOD_NAMES.map((name) => [name, bind(name, handlers)]))
}

/** The largest item of a batch is a one-time key of 1,360 bytes. */
const MAX_ITEM_BYTES = 1_400

function bind<M extends Method>(name: M, handlers: Handlers): BoundMethod {
  const row: MethodRow<RequestDesc<M>, ResponseDesc<M>> = METHODS[name]
  const handler: Handler<M> = handlers[name]
  const { key, exports, request, response } = row
  const scope = { key: key?.fixed, exports, raw: false }
  const answers = encoder<M>(row)
  const decoded = (params: Params<M>): DecodedCall => {
    const items = row.itemsOf(params)
    return {
      scope: { key: key?.of(params), exports, raw: row.isRaw(params) },
      items,
      cost: items + (row.surcharge?.of(params) ?? 0),
      maxAnswerBytes: items === 1 ? response.maxBytes : Math.min(response.maxBytes, items * MAX_ITEM_BYTES),
      run(context) {
        const result = handler(params, context)
        return result instanceof Promise ? result.then(answers) : answers(result)
      },
    }
  }
  // Nothing was said, so nothing of it differs from one request to the next.
  const ofNothing = request.fields.length === 0 ? decoded(request.decode(new Uint8Array(0), 'refuse')) : undefined
  return {
    name,
    row,
    ok: Object.freeze({ method: name, outcome: 'ok' }),
    scope,
    isScopedByParams: key !== undefined && key.fixed === undefined,
    decode: (bytes) =>
      ofNothing !== undefined && bytes.length === 0 ? ofNothing : decoded(request.decode(bytes, 'refuse')),
  }
}

/** What a handler returned, checked and encoded; a frozen result only once, as long as it is the same. */
function encoder<M extends Method>(row: MethodRow<RequestDesc<M>, ResponseDesc<M>>) {
  const { response } = row
  let last: { readonly result: ResultInit<M>; readonly answer: CallResult } | undefined
  return (result: ResultInit<M>): CallResult => {
    if (last !== undefined && last.result === result) return last.answer
    const message = create(response.desc, result)
    const violation = response.check(message, '')
    if (violation) throw new Error(`the handler's ${violation.field} is not ${violation.expected}`)
    const answer = { bytes: response.encode(message), refusedItems: row.refusedItems(message) }
    if (Object.isFrozen(result)) last = { result, answer }
    return answer
  }
}
