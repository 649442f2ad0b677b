export { disposeKeygen } from './abort.ts'
export { type Certified, type OpenEnvelope, verifyCertificate } from './certificate.ts'
export { encodeCertificate } from './codec.ts'
export { trialDigestOf } from './hashes.ts'
export { keygenStep } from './machine.ts'
export { type KeygenState, newKeygen, type Transition as KeygenTransition } from './state.ts'
export {
  FAULT_CODES,
  type FaultCode,
  FIRST_TURN,
  KEYGEN_STEPS,
  type KeygenStep,
  parseStep,
  stepName,
  viaOf,
} from './steps.ts'
export {
  effectName,
  type HeardConfirm,
  KEYGEN_EFFECTS,
  type KeygenAbort,
  type KeygenEffect,
  type KeygenEvent,
  type KeygenFault,
  type KeygenParams,
  type KeygenResult,
  type KeygenTimer,
} from './types.ts'
