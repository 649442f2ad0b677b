export type { RotationStatus } from './active-rotation.ts'
export type { Bootstrap, SetProposal } from './approval.ts'
export {
  type Action,
  cosignOrder,
  type HandoffFacts,
  nextAction,
  ROTATION_STEPS,
  type RotationFacts,
  type WaitingFor,
} from './decide.ts'
export type { HandoffRecord } from './handoff-record.ts'
export type { HandoffRounds } from './handoff-signing.ts'
export type { HandoffItemStatus, HandoffStatus } from './handoff-status.ts'
export { type KnownSet, KnownSets, type OwnKnownSet } from './known-sets.ts'
export { earlierKeys } from './own-keys.ts'
export type { OwnRecall, Recall } from './recall-record.ts'
export { Recalls, type RecallsInit } from './recalls.ts'
export { type ApproveOptions, type HandoffOptions, type ReconcilerInit, RotationReconciler } from './reconciler.ts'
