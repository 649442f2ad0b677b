import type { PublicKey } from '../../base/index.ts'
import type { NonceCommitment } from '../../crypto/index.ts'
import type { DeclineReason, RoundFacts, SignEffect, SignPackage } from './types.ts'

export type Answer =
  | { readonly kind: 'commit'; readonly commitment: NonceCommitment; readonly boot: number }
  | { readonly kind: 'decline'; readonly reason: DeclineReason }

export interface ShareIn {
  readonly share: Uint8Array
  readonly wire: Uint8Array
}

/** One coordinator of one request, over all its sessions: at most one is open at a time (R25). */
export interface CoordinatorState extends RoundFacts {
  readonly self: PublicKey
  readonly run: string
  readonly session: number
  readonly phase: Phase
  /** Half of the step's time is over: what was lost was said again, and benched members are welcome. */
  readonly late: boolean
  /** Answers to this session's open, in order of arrival. */
  readonly answers: ReadonlyMap<PublicKey, Answer>
  /** Chosen in an earlier session and silent: not chosen again while others suffice. */
  readonly benched: ReadonlySet<PublicKey>
  /** Final for this request. */
  readonly refused: ReadonlySet<PublicKey>
  /** Proven wrong: never chosen again. */
  readonly cheaters: ReadonlySet<PublicKey>
  /** Who owed an answer at the end of the last whole session. */
  readonly lapsed: readonly PublicKey[] | undefined
}

export type Phase =
  | { readonly kind: 'collecting' }
  | {
      readonly kind: 'sharing'
      readonly package: SignPackage
      readonly packageHash: string
      /** The package as signed, once it came back from the messenger. */
      readonly wire: Uint8Array | undefined
      readonly shares: ReadonlyMap<PublicKey, ShareIn>
    }
  | { readonly kind: 'ended' }

export type CoordinatorEvent =
  | {
      readonly kind: 'commit'
      readonly member: PublicKey
      readonly session: number
      readonly boot: number
      readonly commitment: NonceCommitment
    }
  | { readonly kind: 'decline'; readonly member: PublicKey; readonly session: number; readonly reason: DeclineReason }
  | {
      readonly kind: 'share'
      readonly member: PublicKey
      readonly packageHash: string
      readonly share: Uint8Array
      readonly wire: Uint8Array
    }
  | { readonly kind: 'package_sent'; readonly session: number; readonly wire: Uint8Array }
  | { readonly kind: 'timer'; readonly timer: 'step' | 'deadline' }
  /** A signature of this round verified elsewhere (R28), or nobody wants one any more. */
  | { readonly kind: 'end' }

export interface CoordinatorStep {
  readonly state: CoordinatorState
  readonly effects: readonly (SignEffect | Signed)[]
}
/** This coordinator's own signature: the book makes it the round's, and says `done`. */
export interface Signed {
  readonly kind: 'signed'
  readonly signature: Uint8Array
}
