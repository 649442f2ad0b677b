export type { RotationStatus } from './active-rotation.ts'
export type { Bootstrap, SetProposal } from './approval.ts'
export { type Action, cosignOrder, nextAction, type RotationFacts, type WaitingFor } from './decide.ts'
export { type ApproveOptions, type ReconcilerInit, RotationReconciler } from './reconciler.ts'
