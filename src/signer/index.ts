export type { Binding } from './binding-record.ts'
export {
  isBoundTo,
  type RequestBindings,
  type RequestBindingsInit,
  requestBindings,
} from './bindings.ts'
export { SIGNER_ERRORS, SignerError, type SignerErrorCode } from './errors.ts'
export { autoPolicyAllowed, createPolicy, type PolicyInit } from './policy/create.ts'
export { readValidatorToken } from './policy/token.ts'
export type {
  Approval,
  Asking,
  Decision,
  DecisionsView,
  PolicyReason,
  SigningPolicy,
  ValidatorTrouble,
} from './policy/types.ts'
export { POLICY_REASONS } from './policy/types.ts'
export type { VotesInit } from './policy/votes.ts'
export { findShapeFault, hashOfItems } from './request-shape.ts'
export { isStaged } from './share-files.ts'
export { openShareVault, type ShareVaultInit } from './share-vault.ts'
export { type StoppableThresholdService, type ThresholdServiceInit, thresholdService } from './threshold-service.ts'
export type * from './types.ts'
export { POLICIES, SIGN_FAILURES } from './types.ts'
