export type { AuditEntry, AuditLog } from './audit.types.ts'
export { AUDIT_JOURNAL, type AuditView, type OpenAuditLog, openAuditLog, parseAuditEntry } from './audit-log.ts'
export type { Binding } from './binding-record.ts'
export {
  isBoundTo,
  type RequestBindings,
  type RequestBindingsInit,
  requestBindings,
} from './bindings.ts'
export { SIGNER_ERRORS, SignerError, type SignerErrorCode } from './errors.ts'
export type { BackendAbilities, KeyBackend, KeyHandle, KeyLabel } from './keys/backend.ts'
export { digestOf, verifyKeySignature } from './keys/digest.ts'
export { KeyError } from './keys/errors.ts'
export { type FileBackendInit, fileKeyBackend } from './keys/file-backend.ts'
export { type DurableKeyService, keyService } from './keys/key-service.ts'
export { memoryKeyBackend } from './keys/memory-backend.ts'
export type { KeyServiceInit, KeyTrouble } from './keys/open-keys.ts'
export type { SoftwareBackendInit } from './keys/software-backend.ts'
export type * from './keys/types.ts'
export { KEY_CAPABILITIES, KEY_FAILURES, KEY_SCHEMES, KEY_TYPES } from './keys/types.ts'
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
export type { ChainHasher, ChainLoad, ChainMaterial } from './s2/chain-hasher.ts'
export { type ChainThreadsInit, chainThreads } from './s2/chain-threads.ts'
export { type Continuity, LOST_REASONS, type LostReason } from './s2/continuity.ts'
export { S2_STATE_ERRORS, S2Error, S2StateError, type S2StateErrorCode } from './s2/errors.ts'
export { createInstanceFile } from './s2/instance-token.ts'
export { S2Memory, type S2MemoryInit, type S2MemoryStatus } from './s2/memory.ts'
export type { ImportReport, RetireReport } from './s2/memory-commands.ts'
export { type S2ServiceInit, type StoredS2Service, s2Service } from './s2/s2-service.ts'
export type * from './s2/types.ts'
export { NONCE_MODES, P2P_SCHEMES, S2_FAILURES, SCHNORR_TARGETS } from './s2/types.ts'
export { P2P_TAG } from './s2/wallets.ts'
export { generateSeed, type OpenedSeed, openSeed, publicKeyOfSeed, sealSeed } from './s2-seed.ts'
export { isStaged } from './share-files.ts'
export { openShareVault, type ShareVaultInit } from './share-vault.ts'
export { type StoppableThresholdService, type ThresholdServiceInit, thresholdService } from './threshold-service.ts'
export type * from './types.ts'
export { POLICIES, SIGN_FAILURES } from './types.ts'
