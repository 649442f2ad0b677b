export { SignBook, type SignBookInit, sessionNumbers } from './book.ts'
export { decodeSign, maxItemsFor } from './codec.ts'
export { coordinatorOrder, packageHash, poolName, requestHash } from './hashes.ts'
export type { Received, SignEnvelope } from './received.ts'
export { commitmentsAt } from './shares.ts'
export { slotOf } from './slots.ts'
export { MAX_SIGN_PAYLOAD_BYTES, travelsBy } from './travel.ts'
export {
  DECLINE_REASONS,
  type DeclineReason,
  REFUSALS,
  type Refusal,
  SIGN_FAULTS,
  SIGN_STEPS,
  type SignEffect,
  type SignFailed,
  type SignFault,
  type SignFaultCode,
  type SignPackage,
  type SignPayloads,
  type SignRequest,
  type SignStep,
} from './types.ts'
