import { CodedError } from '../../base/index.ts'
import type { S2Failure } from './types.ts'

/** A call that the secret service refuses. `data.field` and `data.expected` go with `BAD_REQUEST`; both texts are ours. */
export class S2Error extends CodedError<S2Failure> {}
