import { CodedError, codeOf } from '../base/index.ts'
import { READ_FAILURES, type ReadFailure } from './types.ts'

/** A reading that failed. The message is one sentence with the remedy; `data.endpoint` names the Stacks node without credentials. */
export class ReadError extends CodedError<ReadFailure> {}

/** The failure inside a thrown value; undefined if it is none of ours (an abort, a bug). */
export function readFailureOf(error: unknown): ReadFailure | undefined {
  const code = codeOf(error)
  return READ_FAILURES.find((reason) => reason === code)
}
