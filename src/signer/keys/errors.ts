import { CodedError } from '../../base/index.ts'
import type { KeyFailure } from './types.ts'

/** What the key service refuses. `data.field` and `data.expected` go with `BAD_REQUEST`; both texts are ours. */
export class KeyError extends CodedError<KeyFailure> {}
