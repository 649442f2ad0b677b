export type { Bootstrap, SetProposal } from './approval.ts'
export { type Action, cosignOrder, nextAction, type RotationFacts, type WaitingFor } from './decide.ts'
export { type ReconcilerInit, RotationReconciler, type RotationStatus } from './reconciler.ts'
