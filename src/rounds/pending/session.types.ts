import type { Listenable, PublicKey } from '../../base/index.ts'
import type { HandoffList, HeardHandoffs } from './handoff.ts'
import type { Cosignature, PendingSpec, VerifiedProposal } from './types.ts'

export interface KeygenProgress {
  /**
   * `failed`: all had confirmed, and then one was proven to cheat, or this node lost its share. No second key may be made under
   * this pending id (R20); approve a new attempt.
   */
  readonly phase: 'idle' | 'running' | 'done' | 'failed'
  /** Current or last attempt; 0 before the first. */
  readonly attempt: number
  readonly lastFailure: KeygenFailure | undefined
  /** Who has not been heard in time, while the attempt goes on all the same: a confirmed transcript is not given up (R20). */
  readonly waiting?: KeygenWait | undefined
}

export interface KeygenWait {
  readonly step: string
  readonly missing: readonly PublicKey[]
  /** Who keeps the trial from its end by restarting over and over, and how often it did. No fault, and none can be shown. */
  readonly restarts: readonly { readonly member: PublicKey; readonly times: number }[]
}

/** Why an attempt ended without a key. Silence is a local claim, a fault is shown by messages (docs/ROUNDS.md). */
export interface KeygenFailure {
  readonly attempt: number
  readonly reason: string
  readonly blamed: readonly { readonly member: PublicKey; readonly fault: string }[]
  readonly silent: readonly PublicKey[]
}

/** Everything that is said on the topic of one pending set. */
export interface PendingSession {
  readonly spec: PendingSpec
  start(): void
  stop(): void
  /** Says this operator's consent, again and again until `stop`. */
  announceApproval(expiresAtMs: number): void
  /** Members whose unexpired approval was heard, this node's own included. */
  approved(): ReadonlySet<PublicKey>
  /** Runs keygen attempts until one is certified. Harmless when running. */
  startKeygen(): void
  keygen(): KeygenProgress
  /** `receivedAtMs` is monotonic. */
  proposal(): { readonly proposal: VerifiedProposal; readonly receivedAtMs: number } | undefined
  announceCosignature(cosignature: Cosignature): void
  /** The latest of each other author for this proposal; well-formed, not yet verified. */
  cosignatures(): readonly Cosignature[]
  /** Says this operator's list for the handoff (R29), again and again until `stop`; a later call replaces it. */
  announceHandoff(list: HandoffList): void
  /** The latest list of each other member of the current set. */
  handoffs(): HeardHandoffs
  readonly changed: Listenable<void>
}
