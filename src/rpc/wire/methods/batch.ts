import type { ItemError } from '../pb/rpc_pb.ts'
import { ItemErrorSchema } from '../pb/rpc_pb.ts'
import { maybe, printable, type Violation } from '../rules.ts'
import { shape } from '../shape.ts'

/** `message` is the code's own sentence; none is longer. */
export const itemError = maybe(shape(ItemErrorSchema, { code: printable(32), message: printable(144) }))

interface Outcome {
  readonly error?: ItemError | undefined
}

/** Of an outcome's value and its error, one is there. */
export const eitherOf =
  <O extends Outcome, K extends keyof O>(value: K) =>
  (outcome: O, at: string): Violation | undefined =>
    (outcome[value] === undefined) === (outcome.error === undefined)
      ? { field: at, expected: `either a ${String(value)} or an error` }
      : undefined

export const refusedOf = ({ items }: { readonly items: readonly Outcome[] }): readonly string[] =>
  items.flatMap(({ error }) => (error === undefined ? [] : [error.code]))
