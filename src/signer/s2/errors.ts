import { CodedError } from '../../base/index.ts'
import type { S2Failure } from './types.ts'

/** A call that the secret service refuses. `data.field` and `data.expected` go with `BAD_REQUEST`; both texts are ours. */
export class S2Error extends CodedError<S2Failure> {}

/** What the secret service refuses to start or go on with, and what an operator's command is refused with. Never of one request. */
export const S2_STATE_ERRORS = [
  /** A stored binding is malformed. */
  'S2_BINDINGS_UNREADABLE',
  /** A read or write failed: nothing is signed any more, the process must stop (R30). */
  'S2_BINDINGS_FAILED',
  /** The seed is not the one that the config pins. */
  'S2_SEED_OTHER_KEY',
  /** Reference mode where the config does not allow it (R33). */
  'S2_REFERENCE_FORBIDDEN',
  'S2_INSTANCE_FILE_EXISTS',
  /** Another process works with this instance file. */
  'S2_INSTANCE_IN_USE',
  /** The instance file is not as this process wrote or read it: another one works with it. */
  'S2_INSTANCE_CHANGED',
  /** What an operator accepts by name is not what is there now. */
  'S2_ACCEPT_OTHER',
  'S2_JOURNAL_BROKEN',
  /** A journal of another seed, or no journal at all. */
  'S2_JOURNAL_FOREIGN',
  'S2_JOURNAL_UNREADABLE',
  /** A journal that can't be all that a lost store was used for: empty, or shorter than the store saw it. */
  'S2_JOURNAL_PROVES_NOTHING',
  /** A lost store would say as a whole journal what it can't know to be whole. */
  'S2_EXPORT_REFUSED',
  'S2_IMPORTED_NONCES_INVALID',
  'S2_RETIRE_REFUSED',
  'S2_NOT_STARTED',
] as const
export type S2StateErrorCode = (typeof S2_STATE_ERRORS)[number]

export class S2StateError extends CodedError<S2StateErrorCode> {}
