import { CodedError } from '../../../base/index.ts'

/** Why there is no key, nonce or signature. A closed list: who asked can be told each of them. */
export const MUSIG_CODES = [
  'NO_KEYS',
  'TOO_MANY_KEYS',
  /** A key of another length. */
  'KEY_LENGTH',
  /** Not a point of the curve. */
  'KEY_INVALID',
  'DUPLICATE_KEY',
  'OUR_PUB_KEY_IS_NOT_IN_PARAMS',
  /** The keys, or keys and tweak, cancel each other out. */
  'AGGREGATE_AT_INFINITY',
  'MERKLE_ROOT_LENGTH',
  'TWEAK_INVALID',
  /** What a nonce is for has not the shape of its form. */
  'FORM_INVALID',
  'PUB_NONCE_INVALID',
  'AGG_NONCE_INVALID',
  'MESSAGE_LENGTH',
  /** The message of the sighash form is the sighash. */
  'MESSAGE_IS_NOT_SIGHASH',
  /** A session of other keys, or another tweak, than the nonce. */
  'SESSION_OF_OTHER_PARAMS',
  'NONCE_OUT_OF_RANGE',
  'NONCE_SPENT',
  'PARTIAL_SIG_INVALID',
  'SELF_VERIFY_FAILED',
] as const
export type MusigCode = (typeof MUSIG_CODES)[number]

/** `data.signer` is the position of whose contribution it was, where it was one. */
export class MusigError extends CodedError<MusigCode> {}

/** What the port throws TypeError on is what `code` says; other errors pass. */
export function orMusigError<T>(
  code: MusigCode,
  message: string,
  compute: () => T,
  data?: Readonly<Record<string, unknown>>,
): T {
  try {
    return compute()
  } catch (error) {
    if (error instanceof TypeError) throw new MusigError(code, message, data, { cause: error })
    throw error
  }
}
