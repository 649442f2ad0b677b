import { create } from '@bufbuild/protobuf'
import {
  METHOD_NAMES,
  METHODS,
  type Method,
  type MethodRow,
  type RequestDesc,
  type ResponseDesc,
} from '../wire/index.ts'
import type { CallContext, Handler, Handlers } from './types.ts'

/** A method with its handler, from bytes to bytes. */
export interface BoundMethod {
  readonly name: Method
  readonly row: MethodRow
  /** Throws RpcError BAD_REQUEST, or what the handler throws. */
  run(params: Uint8Array, context: CallContext): Promise<Uint8Array>
}

/** Every row of the table with its handler: a row without one does not build. */
export function bindAll(handlers: Handlers): ReadonlyMap<string, BoundMethod> {
  return new Map(METHOD_NAMES.map((name) => [name, bind(name, handlers)]))
}

function bind<M extends Method>(name: M, handlers: Handlers): BoundMethod {
  const row: MethodRow<RequestDesc<M>, ResponseDesc<M>> = METHODS[name]
  const handler: Handler<M> = handlers[name]
  return {
    name,
    row,
    async run(params, context) {
      const result = await handler(row.request.decode(params, 'refuse'), context)
      const message = create(row.response.desc, result)
      const violation = row.response.check(message, '')
      if (violation) throw new Error(`the handler's ${violation.field} is not ${violation.expected}`)
      return row.response.encode(message)
    },
  }
}
