import type { GroupKey, PeerIdStr, PublicKey } from '../../base/index.ts'
import type { Binding } from '../binding-record.ts'
import type { Consent, PolicyKind, ThresholdRequest } from '../types.ts'

/** A bridge of this operator that asks, and for how long it waits. */
export interface Asking {
  readonly client: PeerIdStr
  /** Unix ms. */
  readonly deadlineMs: number
  /** The node stops. */
  readonly signal: AbortSignal
}

/** What this operator says to its own bridge. `yes` is on disk: the request is bound. */
export type Approval =
  | { readonly answer: 'yes'; readonly binding: Binding }
  | { readonly answer: Exclude<ApprovalAnswer, 'yes'> }

export type ApprovalAnswer = 'yes' | 'refused' | 'equivocation' | 'not_asked_yet'

/** This operator's say in what its share signs (docs/POLICY.md). */
export interface SigningPolicy {
  readonly kind: PolicyKind
  /** This operator's own bridge asks. Waits, no longer than `asking` says, while nothing is decided. Throws `BINDINGS_FAILED`. */
  approve(request: ThresholdRequest, asking: Asking): Promise<Approval>
  /** Asked before this node makes a nonce or a share in anybody's round. Throws `BINDINGS_FAILED`. */
  consent(request: ThresholdRequest, coordinator: PublicKey): Promise<Consent>
  /** What was decided lately and why, for this operator's eyes only: others hear no reason. */
  decisions(): DecisionsView
  /** Policy `http`: what is wrong with the validator; undefined while nothing is. */
  validatorTrouble(): ValidatorTrouble | undefined
  /** Gives up what waits. */
  stop(): void
}

/** Why; a closed list, so that it can label a metric. */
export const POLICY_REASONS = [
  /** An own bridge asked for exactly this. */
  'asked',
  /** Enough of the bridges whose asking counts asked for exactly this. */
  'votes',
  /** The validator said so, now or earlier. */
  'validator',
  /** Policy `auto`. */
  'anything',
  'malformed',
  /** The request's own time is over. */
  'expired',
  /** The request id stands for something else. */
  'other_items',
  /** A bridge asked for something else under an id before. */
  'vote_changed',
  'not_asked',
  /** It was asked for, but longer ago than a consent lasts. */
  'consent_over',
  /** Too few of the bridges whose asking counts asked for it. */
  'votes_missing',
  /** The same, and the bridge that asks is none of them: its asking approves nothing. */
  'vote_uncounted',
  'validator_later',
  'validator_unreachable',
  'validator_timeout',
  'validator_status',
  'validator_malformed',
  /** This node asks the validator for others no more often than this. */
  'validator_busy',
] as const
export type PolicyReason = (typeof POLICY_REASONS)[number]

/** An answer with its reason; `detail` is the validator's own words, or how many bridges asked. */
export interface Said<A extends string> {
  readonly answer: A
  readonly reason: PolicyReason
  readonly detail?: string | undefined
}

/** `untilMs`: from then on it is a consent no more (unix ms); undefined: without end. */
export interface SaidApproval extends Said<ApprovalAnswer> {
  readonly untilMs?: number | undefined
}

/** What a request id stands for here, seen from one request. */
export type Standing =
  | { readonly kind: 'unbound' }
  | { readonly kind: 'other' }
  | {
      readonly kind: 'same'
      readonly isLive: boolean
      readonly isSigned: boolean
      readonly untilMs: number | undefined
      readonly binding: Binding
    }

/** Where the policies differ. Shape, expiry and bindings to something else are judged before they are asked. */
export interface Judge {
  approve(request: ThresholdRequest, asking: Asking, standing: Standing): Promise<SaidApproval>
  /** The request is unbound, or its consent is over. */
  consent(request: ThresholdRequest, coordinator: PublicKey, standing: Standing): Promise<Said<Consent>>
  /** The request is bound now. */
  settled?(request: ThresholdRequest): Promise<void>
  trouble?(): ValidatorTrouble | undefined
  stop?(): void
}

/** One decision; the same one again only counts. */
export interface Decision {
  readonly requestId: string
  readonly groupKey: GroupKey
  /** Who asked last: PeerID of a bridge, or the public key of the member that coordinates. */
  readonly askedBy: string
  readonly reason: PolicyReason
  readonly detail: string | null
  readonly firstAtMs: number
  readonly lastAtMs: number
  readonly times: number
}

/** The validator does not answer as docs/POLICY.md says: nothing new is signed here. */
export interface ValidatorTrouble {
  readonly reason: PolicyReason
  /** Status code or error class of the last failure; never a part of its answer. */
  readonly detail: string | null
  /** Unix ms of the first failure since it last answered, and of the last one. */
  readonly sinceMs: number
  readonly lastAtMs: number
  /** Questions that failed since then. */
  readonly times: number
}

/** The youngest last. */
export interface DecisionsView {
  readonly approved: readonly Decision[]
  readonly waiting: readonly Decision[]
  readonly refused: readonly Decision[]
}
