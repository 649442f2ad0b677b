import { CodedError } from '../base/index.ts'

/** What this room refuses to start or go on with. Answers to requests are `SIGN_FAILURES` instead. */
export const SIGNER_ERRORS = [
  'SHARE_UNREADABLE',
  'SHARE_FOREIGN',
  'SHARE_MISPLACED',
  'SHARE_INVALID',
  'SHARE_OLD_EPOCH',
  'SHARE_MISSING',
  'SHARE_CONFLICT',
  'BINDINGS_UNREADABLE',
  'BINDINGS_FAILED',
  'POLICY_FORBIDDEN',
  'POLICY_TOKEN_FILE',
  'POLICY_TOKEN_MISSING',
  'SIGNATURE_INVALID',
] as const
export type SignerErrorCode = (typeof SIGNER_ERRORS)[number]

export class SignerError extends CodedError<SignerErrorCode> {}
