import type { GroupKey, PublicKey, SetHash, TranscriptHash } from '../../base/index.ts'
import type { NonceCommitment, PublicKeyPackage } from '../../crypto/index.ts'
import type { SignItem } from '../../signer/index.ts'

/** Signatures to be made together: what the caller asks, and the share material that answers for it. */
export interface SignRequest {
  readonly groupKey: GroupKey
  readonly setHash: SetHash
  /** Names the shares (R20): old and new ones of one key never meet in a session. */
  readonly transcript: TranscriptHash
  /** 1–64 bytes as lower-case hex. */
  readonly requestId: string
  /** 1 to `LIMITS.maxSignItems`, in the order of the signatures. */
  readonly items: readonly SignItem[]
}

/** Every message of the sign round; the `step` of its envelope (R16). */
export const SIGN_STEPS = ['ready', 'want', 'nonces', 'package', 'share', 'decline', 'result'] as const
export type SignStep = (typeof SIGN_STEPS)[number]

/**
 * Why a member does not take part. Only `refused` is final for this request (R27). `unknown_nonce`: the package names a pair
 * that this process does not hold for this coordinator (R25); fresh ones follow.
 */
export const DECLINE_REASONS = ['refused', 'not_asked_yet', 'unknown_key', 'unknown_nonce'] as const
export type DeclineReason = (typeof DECLINE_REASONS)[number]

/** Nonce commitments of each chosen member, one for each item, ascending by member. */
export type PackageEntries = ReadonlyMap<PublicKey, readonly NonceCommitment[]>

/** What shares are made over, whole (R26). The coordinator is the envelope's author, the session its attempt. */
export interface SignPackage {
  readonly request: SignRequest
  readonly entries: PackageEntries
}

/** Payload of each step. */
export interface SignPayloads {
  readonly ready: { readonly request: SignRequest }
  readonly want: { readonly transcript: TranscriptHash; readonly member: PublicKey; readonly count: number }
  readonly nonces: {
    readonly transcript: TranscriptHash
    readonly coordinator: PublicKey
    readonly commitments: readonly NonceCommitment[]
  }
  readonly package: SignPackage
  readonly share: {
    readonly coordinator: PublicKey
    readonly packageHash: string
    readonly shares: readonly Uint8Array[]
  }
  readonly decline: { readonly coordinator: PublicKey; readonly reason: DeclineReason }
  readonly result: { readonly signatures: readonly Uint8Array[] }
}

/** Why something a member said is not acted upon. Closed list, also metric labels. */
export const REFUSALS = [
  'wrong_way',
  'over_allowance',
  'stale_session',
  'request_changed',
  'package_changed',
  'too_many_sessions',
  'bad_package',
  'bad_nonces',
  'unknown_nonce',
  'nonce_spent',
  'bad_signature',
  'equivocation',
  'unexamined',
] as const
export type Refusal = (typeof REFUSALS)[number]

interface Said {
  readonly setHash: SetHash
  readonly round: string
  readonly attempt: number
  readonly step: SignStep
  readonly payload: Uint8Array
}

/** What the machines want done; the driver does it (docs/ROUNDS.md). */
export type SignEffect =
  /** Gossip it on the set's sign topic. */
  | ({ readonly kind: 'publish' } & Said)
  /**
   * Send it to each of these members, in one envelope. What is meant for this node itself, and every package, comes back to
   * `SignBook.receive` as signed: a package's wire is evidence beside a wrong share (R26).
   */
  | ({ readonly kind: 'send'; readonly to: readonly PublicKey[] } & Said)
  /**
   * Call `SignBook.timer(id)` after `afterMs`; an armed id is replaced. `isPatient`: it waits for others' words, and nothing
   * depends on its time, so on a machine that is late it may come a few times later.
   */
  | { readonly kind: 'arm'; readonly id: string; readonly afterMs: number; readonly isPatient?: true }
  | { readonly kind: 'disarm'; readonly id: string }
  /** Ask policy and bindings (docs/POLICY.md), then call `SignBook.consent(id, answer)`. */
  | {
      readonly kind: 'ask_consent'
      readonly id: string
      readonly round: string
      readonly coordinator: PublicKey
      readonly request: SignRequest
    }
  /** Signatures that verified, the first of this round (R28); one for each item. */
  | {
      readonly kind: 'done'
      readonly round: string
      readonly request: SignRequest
      readonly signatures: readonly Uint8Array[]
    }
  | SignFailed
  | SignFault
  /** Something of `author`'s was not acted upon: for the counter and the log, never an answer. */
  | { readonly kind: 'refused'; readonly round: string; readonly author: PublicKey; readonly reason: Refusal }

/**
 * Something a member signed that no honest one signs, with the wires that show it (docs/ROUNDS.md).
 * `invalid_share`: the coordinator's package, then the member's share. `equivocation`: two payloads in one slot (R16).
 */
export const SIGN_FAULTS = ['invalid_share', 'equivocation'] as const
export type SignFaultCode = (typeof SIGN_FAULTS)[number]

/** Given once for each (member, code, round, attempt). */
export interface SignFault {
  readonly kind: 'fault'
  readonly code: SignFaultCode
  readonly round: string
  readonly attempt: number
  readonly member: PublicKey
  readonly wires: readonly Uint8Array[]
  /** What a third party needs beside the wires (R26): the sign topic's set, and the certified key, by its transcript. */
  readonly setHash: SetHash
  readonly transcript: TranscriptHash | undefined
  readonly key: PublicKeyPackage | undefined
}

/** This node's own request came to nothing. */
export interface SignFailed {
  readonly kind: 'failed'
  readonly round: string
  readonly code: 'TIMEOUT' | 'REFUSED' | 'NO_KEY' | 'TOO_MANY_ITEMS' | 'OVERLOADED' | 'STOPPED'
  /** Members that said nothing to this request, or gave no share that they owed. */
  readonly missing: readonly PublicKey[]
  /** Members whose share was provably wrong. */
  readonly cheaters: readonly PublicKey[]
  /** What the others said last. */
  readonly declined: ReadonlyMap<PublicKey, DeclineReason>
  /** Of a round that was begun: what its operator is told of it beside that. `unreliable`: spoiled two sessions without proof. */
  readonly begun?: { readonly requestId: string; readonly unreliable: readonly PublicKey[] }
}

/** The facts of a round that both machines share. */
export interface RoundFacts {
  readonly round: string
  readonly request: SignRequest
  readonly key: PublicKeyPackage
}
