import { CodedError } from '../base/index.ts'

/** Everything that this room refuses with. Each message is one sentence that names the file and the remedy. */
export const STORE_ERRORS = [
  'STORE_LOCKED',
  'STORE_UNREADABLE',
  'STORE_WRITE_FAILED',
  'STORE_NOT_OPEN',
  'FILE_EXISTS',
  'FILE_TOO_OPEN',
  'FILE_UNREADABLE',
  'FILE_WRITE_FAILED',
  'KEY_FILE_EXISTS',
  'KEY_FILE_MISSING',
  'KEY_FILE_UNSEALED',
  'KEY_FILE_UNREADABLE',
  'KEY_FILE_WRONG_PASSPHRASE',
  'KEY_FILE_WRONG_IDENTITY',
  'KEY_FILE_OTHER_KEY',
  'SEED_FILE_INVALID',
  'UNLOCK_FILE_MISSING',
  'UNLOCK_FILE_UNREADABLE',
  'UNLOCK_FILE_EMPTY',
  'SEALED_RECORD_UNREADABLE',
  'RECIPIENT_INVALID',
  'JOURNAL_BROKEN',
  'JOURNAL_CHANGED',
  'JOURNAL_FULL',
  'JOURNAL_RECORD_TOO_LARGE',
] as const
export type StoreErrorCode = (typeof STORE_ERRORS)[number]

/** A refusal of the store room; `data.path` names the file or folder where there is one. */
export class StoreError extends CodedError<StoreErrorCode> {}
