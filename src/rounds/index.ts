export { CertificateHelp, type CertificateHelpInit } from './drivers/certificate-help.ts'
export { EvidenceExchange, type EvidenceExchangeInit } from './drivers/evidence-exchange.ts'
export { type KeyThreads, keyThreads, type MakesKeys } from './drivers/keygen-threads.ts'
export type { SignHealth } from './drivers/round-watch.ts'
export { SignDriver, type SignDriverInit, type SigningKey } from './drivers/sign-driver.ts'
export * from './evidence/index.ts'
export { KEYGEN_EFFECTS, type KeygenAbort } from './keygen/index.ts'
export { isSuccession } from './pending/carrier.ts'
export { isCertifiedShare } from './pending/certified-share.ts'
export {
  findHandoffFault,
  type HandoffItem,
  type HandoffList,
  type HeardHandoffs,
  handoffRequest,
  inRequestOrder,
  isHandoffRequest,
  nameOfItem,
  verifyHandoff,
} from './pending/handoff.ts'
export { decodeProposal, encodeProposal } from './pending/messages.ts'
export { type NextIdentity, openPendingSession, type PendingSessionsInit } from './pending/open-session.ts'
export type { KeygenFailure, KeygenProgress, PendingSession } from './pending/session.types.ts'
export {
  type AttemptLog,
  type AttemptRecord,
  type Cosignature,
  missingApprovals,
  type PendingSpec,
  participantsOf,
  type VerifiedProposal,
} from './pending/types.ts'
export { maxItemsFor, type SignFault, sessionNumbers } from './sign/index.ts'
