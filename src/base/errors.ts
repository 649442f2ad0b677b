/**
 * An error whose meaning is its `code`. `code` and `data` may cross the wire or reach the operator; `message` says in one
 * sentence what is wrong and what to do, and stays on this machine.
 */
export class CodedError<C extends string = string> extends Error {
  static override readonly name = 'CodedError'
  readonly code: C
  /** Facts for logs and typed answers: public values only, never secrets. */
  readonly data: Readonly<Record<string, unknown>>
  constructor(code: C, message: string, data: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
    this.data = data
  }
}

/** Code of an error of ours, else undefined. */
export const codeOf = (error: unknown): string | undefined => (error instanceof CodedError ? error.code : undefined)

/** One line about any thrown value, for a log field. */
export function describeError(error: unknown): string {
  if (error instanceof CodedError) return `${error.code}: ${error.message}`
  if (error instanceof Error) return `${error.name}: ${error.message}`
  return String(error)
}

/** For switches that must be total. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${String(value)}`)
}
