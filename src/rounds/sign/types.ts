import type { GroupKey, PublicKey, SetHash, TranscriptHash } from '../../base/index.ts'
import type { Commitments, NonceCommitment, PublicKeyPackage, Tweak } from '../../crypto/index.ts'

/** One signature to be made: what the caller asks, and the share material that answers for it. */
export interface SignRequest {
  readonly groupKey: GroupKey
  readonly setHash: SetHash
  /** Names the shares (R20): old and new ones of one key never meet in a session. */
  readonly transcript: TranscriptHash
  /** 1–64 bytes as lower-case hex. */
  readonly requestId: string
  /** 32 bytes. */
  readonly digest: Uint8Array
  readonly tweak: Tweak
}

/** Every message of the sign round; the `step` of its envelope (R16). */
export const SIGN_STEPS = ['open', 'commit', 'decline', 'package', 'share', 'result'] as const
export type SignStep = (typeof SIGN_STEPS)[number]

/** Why a member does not take part. Only `refused` is final for this request (R27). */
export const DECLINE_REASONS = ['refused', 'not_asked_yet', 'unknown_key'] as const
export type DeclineReason = (typeof DECLINE_REASONS)[number]

/** The coordinator a member answers, and the run of its process; the session is the envelope's `attempt`. */
export interface Addressee {
  readonly coordinator: PublicKey
  /** 16 random bytes as hex. */
  readonly run: string
}

/** Payload of each step. */
export interface SignPayloads {
  readonly open: { readonly run: string; readonly request: SignRequest }
  readonly commit: { readonly to: Addressee; readonly commitment: NonceCommitment }
  readonly decline: { readonly to: Addressee; readonly reason: DeclineReason }
  readonly package: SignPackage
  readonly share: { readonly to: Addressee; readonly packageHash: string; readonly share: Uint8Array }
  readonly result: { readonly signature: Uint8Array }
}

/** What shares are made over, whole (R26). The coordinator is the envelope's author, the session its attempt. */
export interface SignPackage {
  readonly run: string
  readonly request: SignRequest
  readonly commitments: Commitments
}

/** Why a participant gives no answer to a package, or nobody believes a result. Closed list, also metric labels. */
export const REFUSALS = [
  'unknown_session',
  'stale_session',
  'request_changed',
  'commitment_changed',
  'bad_package',
  'nonce_spent',
  'bad_signature',
] as const
export type Refusal = (typeof REFUSALS)[number]

/** What the machines want done; the driver does it (DESIGN §7). */
export type SignEffect =
  /** Say it on the set's sign topic, and hand the envelope back to `SignBook.receive`. */
  | {
      readonly kind: 'publish'
      readonly setHash: SetHash
      readonly round: string
      readonly attempt: number
      readonly step: SignStep
      readonly payload: Uint8Array
    }
  /** Call `SignBook.timer(id)` after `afterMs`; an armed id is replaced. */
  | { readonly kind: 'arm'; readonly id: string; readonly afterMs: number }
  | { readonly kind: 'disarm'; readonly id: string }
  /** Ask policy and bindings (DESIGN §10), then call `SignBook.consent(id, answer)`. */
  | {
      readonly kind: 'ask_consent'
      readonly id: string
      readonly round: string
      readonly coordinator: PublicKey
      readonly request: SignRequest
    }
  /** A signature that verified, the first of this round (R28). */
  | { readonly kind: 'done'; readonly round: string; readonly request: SignRequest; readonly signature: Uint8Array }
  | SignFailed
  /** Proof that `member` sent a wrong share: the coordinator's package and the member's share as signed (R26, DESIGN §9). */
  | {
      readonly kind: 'fault'
      readonly code: 'invalid_share'
      readonly round: string
      readonly member: PublicKey
      readonly wires: readonly Uint8Array[]
    }
  /** Something of `author`'s was not acted upon: for the counter and the log, never an answer. */
  | { readonly kind: 'refused'; readonly round: string; readonly author: PublicKey; readonly reason: Refusal }

/** This node's own request came to nothing. */
export interface SignFailed {
  readonly kind: 'failed'
  readonly round: string
  readonly code: 'TIMEOUT' | 'REFUSED' | 'NO_KEY' | 'OVERLOADED' | 'STOPPED'
  /** Members that did not answer in the last whole session. */
  readonly missing: readonly PublicKey[]
  /** Members whose share was provably wrong. */
  readonly cheaters: readonly PublicKey[]
  /** What the others said, in the last session. */
  readonly declined: ReadonlyMap<PublicKey, DeclineReason>
}

/** The facts of a round that both machines share. */
export interface RoundFacts {
  readonly round: string
  readonly request: SignRequest
  readonly key: PublicKeyPackage
  readonly stepTimeoutMs: number
}
