export { SignBook, type SignBookInit } from './book.ts'
export { MAX_SIGN_PAYLOAD_BYTES } from './codec.ts'
export { packageHash, requestHash } from './hashes.ts'
export type { Received, SignEnvelope } from './received.ts'
export {
  DECLINE_REASONS,
  type DeclineReason,
  REFUSALS,
  type Refusal,
  SIGN_STEPS,
  type SignEffect,
  type SignFailed,
  type SignRequest,
  type SignStep,
} from './types.ts'
