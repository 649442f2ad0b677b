export { disposeKeygen } from './abort.ts'
export { type Certified, type OpenEnvelope, verifyCertificate } from './certificate.ts'
export { trialDigestOf } from './hashes.ts'
export { keygenStep } from './machine.ts'
export { type KeygenState, newKeygen, type Transition as KeygenTransition } from './state.ts'
export { FAULT_CODES, type FaultCode, isKeygenStep, KEYGEN_STEPS, type KeygenStep } from './steps.ts'
export type {
  KeygenAbort,
  KeygenEffect,
  KeygenEvent,
  KeygenFault,
  KeygenParams,
  KeygenResult,
  KeygenTimer,
} from './types.ts'
