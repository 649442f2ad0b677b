import type { PendingId, PublicKey, TranscriptHash } from '../../base/index.ts'
import type { KeyPackage, PairReveal, Rng } from '../../crypto/index.ts'
import type { Utterance } from '../../p2p/index.ts'
import type { FaultCode, FaultProof, KeygenStep } from './steps.ts'

export interface KeygenParams {
  readonly network: string
  readonly pendingId: PendingId
  /** Sorted by bytes, without duplicates. */
  readonly members: readonly PublicKey[]
  readonly threshold: number
  readonly self: PublicKey
  /** Counts the attempts for this pending set; 1 or more, never used twice by a node. */
  readonly attempt: number
  readonly epoch: 0
  /** Replaces the entropy of polynomial and ephemeral keys. */
  readonly rng?: Rng
}

/** `step`: others took too long. `resend`: say again what somebody may have missed. */
export type KeygenTimer = 'step' | 'resend'

export type KeygenEvent =
  | { readonly kind: 'start' }
  /** A message of this round and attempt whose signature and author's role are already verified. `wire`: the signed envelope. */
  | {
      readonly kind: 'message'
      readonly author: PublicKey
      readonly boot: number
      readonly step: string
      readonly payload: Uint8Array
      readonly wire: Uint8Array
    }
  /** An utterance of the effect `publish` left; `wire` is the envelope that this node signed. */
  | { readonly kind: 'published'; readonly step: string; readonly wire: Uint8Array }
  /** The staged share is on disk, synced (R20). */
  | { readonly kind: 'persisted'; readonly transcript: TranscriptHash }
  | { readonly kind: 'timer'; readonly name: KeygenTimer }

/** Something wrong in what a member said; `wires` are the signed envelopes that show it (DESIGN §9). */
export interface KeygenFault {
  readonly member: PublicKey
  readonly code: FaultCode
  readonly wires: readonly Uint8Array[]
  readonly reveal?: PairReveal | undefined
  readonly commitments?: readonly Uint8Array[] | undefined
}

export type KeygenAbort =
  /** Found by this node itself; never empty. */
  | { readonly kind: 'fault'; readonly faults: readonly KeygenFault[] }
  /** A member says so (R19): a claim, not a finding. `accused` undefined: nobody is named. */
  | {
      readonly kind: 'complaint'
      readonly by: PublicKey
      readonly accused: PublicKey | undefined
      readonly code: FaultCode
      readonly proof?: FaultProof | undefined
      readonly wire: Uint8Array
    }
  /** Members certify, or try, something else than we do: they saw different messages of somebody; of whom, this node can't tell. */
  | {
      readonly kind: 'transcript_mismatch'
      readonly members: readonly PublicKey[]
      readonly wires: readonly Uint8Array[]
    }
  /** Who said nothing in time: a local claim, nobody is blamed. `step`: the first that was waited for. */
  | { readonly kind: 'silence'; readonly step: KeygenStep; readonly missing: readonly PublicKey[] }
  /** A member restarted (R16): no blame. */
  | { readonly kind: 'boot_changed'; readonly member: PublicKey }
  /** The dealings cancel out into no usable key; who arranged that can't be shown. */
  | { readonly kind: 'unusable_key' }
  /** A fault of this node. */
  | { readonly kind: 'internal'; readonly error: unknown }

export interface KeygenResult {
  readonly key: KeyPackage
  readonly transcript: TranscriptHash
  /** See `verifyCertificate`. */
  readonly certificate: Uint8Array
  /** 32 bytes (R22). */
  readonly trialDigest: Uint8Array
  /** BIP340 under the group key, 64 bytes. */
  readonly trialSignature: Uint8Array
}

/** What the driver is to do, in this order. `persist` comes back as the event `persisted`, `publish` as `published`. */
export type KeygenEffect =
  | { readonly kind: 'publish'; readonly utterance: Utterance }
  | { readonly kind: 'send'; readonly to: PublicKey; readonly utterance: Utterance }
  | { readonly kind: 'persist'; readonly transcript: TranscriptHash; readonly key: KeyPackage }
  /** Replaces a timer of the same name. */
  | { readonly kind: 'arm'; readonly name: KeygenTimer; readonly delayMs: number }
  | { readonly kind: 'disarm'; readonly name: KeygenTimer }
  /** Once. The machine goes on resending for a while, for those who are not done yet: its timers stay. */
  | { readonly kind: 'done'; readonly result: KeygenResult }
  /** Once, and the end. `confirmed`: this node signed that transcript's certificate; its staged share must be kept (R20). */
  | { readonly kind: 'aborted'; readonly reason: KeygenAbort; readonly confirmed: TranscriptHash | undefined }
