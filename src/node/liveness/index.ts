export { isClockWrong, MAX_CLOCK_OFFSET_MS } from './clock-check.ts'
export { type ElsewhereView, KeyElsewhere } from './key-elsewhere.ts'
export { Liveness, type LivenessInit, type LivenessView, type OwnFacts } from './liveness.ts'
export type { LifeSign, MemberLiveness } from './tracker.ts'
