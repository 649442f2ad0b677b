import type { MusigContext } from './context.ts'
import { MusigError } from './errors.ts'
import { type SessionValues, sessionValues } from './session-values.ts'

/** One message, to be signed with one aggregate nonce. Public. */
export interface MusigSession extends SessionValues {
  readonly context: MusigContext
  /** 32 bytes; a copy. */
  readonly message: Uint8Array
}

/** Everything of a signature that needs no secret, so that bad input is refused before one is touched. Throws MusigError
 * `MESSAGE_LENGTH`, `AGG_NONCE_INVALID`. */
export function openMusigSession(context: MusigContext, aggNonce: Uint8Array, message: Uint8Array): MusigSession {
  if (message.length !== 32) throw new MusigError('MESSAGE_LENGTH', 'the message to be signed has 32 bytes')
  const values = sessionValues(context.publicKey, aggNonce, message, context.port)
  return { ...values, context, message: Uint8Array.from(message) }
}
