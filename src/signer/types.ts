import type { GroupKey, Outcome, PeerIdStr, PublicKey, SetHash, TranscriptHash } from '../base/index.ts'
import type { KeyPackage, Tweak } from '../crypto/index.ts'

/** One digest to be signed under one key. */
export interface SignItem {
  /** 32 bytes. */
  readonly digest: Uint8Array
  readonly tweak: Tweak
}

/** A request for a threshold signature, as its operator's bridge asked it (R27). */
export interface ThresholdRequest {
  /** Chosen by the caller, 1–64 bytes as lower-case hex. */
  readonly requestId: string
  readonly groupKey: GroupKey
  /** 1 to `LIMITS.maxSignItems`, in this order; all are signed or none (R27). */
  readonly items: readonly SignItem[]
  /** Unix ms from which nobody consents to it any more. Not part of what the request id is bound to. */
  readonly expiresAtMs?: number
}

/** Policy for threshold requests (docs/POLICY.md). */
export const POLICIES = ['bridge', 'http', 'auto'] as const
export type PolicyKind = (typeof POLICIES)[number]

/** Why a threshold signature was not made; crosses the wire as an error code, with `missing` where it applies. */
export const SIGN_FAILURES = [
  'NO_KEY',
  'NOT_A_SIGNER',
  'UNKNOWN_KEY',
  'EQUIVOCATION',
  'REFUSED',
  'NOT_APPROVED',
  'TIMEOUT',
  'OVERLOADED',
  'STOPPED',
  'KEY_IN_USE_ELSEWHERE',
] as const
export type SignFailure = (typeof SIGN_FAILURES)[number]

export type SignResult =
  /** 64 bytes for each item, in the order of the items. */
  | { readonly ok: true; readonly signatures: readonly Uint8Array[] }
  | {
      readonly ok: false
      readonly code: SignFailure
      readonly message: string
      /** Members that did not answer in time (silence is never more than a local claim). */
      readonly missing: readonly PublicKey[]
      /** Members whose answer was provably wrong. */
      readonly cheaters: readonly PublicKey[]
    }

/** Port (implemented by `rounds`): runs sign rounds until a verified signature stands or the deadline (unix ms) passes. */
export interface ThresholdRounds {
  sign(request: ThresholdRequest, deadlineMs: number, signal?: AbortSignal): Promise<SignResult>
}

/** Does this node take part in signing this? Asked by `rounds` before any nonce is made (docs/POLICY.md). */
export type Consent = 'yes' | 'refused' | 'not_asked_yet'

/** A share with what names it (R20, R38). */
export interface StoredShare {
  readonly transcript: TranscriptHash
  readonly epoch: number
  readonly key: KeyPackage
  /** Encoded certificate of the transcript (all n signed statements), opaque here. */
  readonly certificate: Uint8Array
}

/** Sealed shares of this node. Only its owner ever opens them. */
export interface ShareVault {
  /** Seals, writes and syncs; resolves only when it is on disk. Refuses another share for a transcript it holds. */
  put(share: StoredShare): Promise<void>
  byTranscript(transcript: TranscriptHash): StoredShare | undefined
  byGroupKey(groupKey: GroupKey): StoredShare | undefined
  list(): readonly StoredShare[]
}

/** What rpc calls (flow 2 of ARCHITECTURE.md): policy and binding, then the round. */
export interface ThresholdService {
  /** The current set's key, or `key` if it may be signed under now: a recalled set's, too (R9). */
  publicKey(key?: GroupKey): Outcome<GroupKey, NoKey>
  /**
   * Binds (key, request id) to the ordered digests and tweaks durably, then signs all of them or none. An identical repeat gives
   * the identical answer.
   * `deadlineMs` is unix time, capped at `LIMITS.signTimeoutMs` from now.
   */
  sign(
    client: PeerIdStr,
    requestId: string,
    items: readonly SignItem[],
    deadlineMs: number,
    signal?: AbortSignal,
    /** A recalled set's, or the current one's, as without it. */
    key?: GroupKey,
    /** Unix ms from which nobody shall consent any more; without it, as long as the config says. */
    expiresAtMs?: number,
  ): Promise<SignResult>
}

/** Why there is nothing to sign with. */
export type NoKey = Extract<SignFailure, 'NO_KEY' | 'NOT_A_SIGNER' | 'UNKNOWN_KEY'>

/** What the node is at this moment, for the threshold service: set, key and its share. */
export interface ActiveKey {
  readonly setHash: SetHash
  readonly groupKey: GroupKey
}
