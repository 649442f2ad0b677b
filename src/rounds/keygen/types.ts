import type { PendingId, PublicKey, TranscriptHash } from '../../base/index.ts'
import type { KeyMaterial, KeyPackage, MadeKey, PairReveal, Rng } from '../../crypto/index.ts'
import type { Utterance } from '../../p2p/index.ts'
import { type FaultCode, type FaultProof, type KeygenStep, parseStep, stepsVia } from './steps.ts'

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
  /**
   * Instead of `start`: this node holds the staged share of a transcript from before a restart, and finishes it (R20).
   * `certified`: it knew then that all members had confirmed it.
   */
  | {
      readonly kind: 'resume'
      readonly transcript: TranscriptHash
      readonly key: KeyPackage
      readonly certified: boolean
    }
  /** `by` was heard in a later attempt: whoever is not certified leaves for it, whoever is says so. */
  | { readonly kind: 'overtaken'; readonly by: PublicKey; readonly attempt: number }
  /**
   * All have confirmed our transcript: their confirms, verified and of this transcript and key, in member order. `told`: where this
   * node has dealt in a later attempt, the word of who has not.
   */
  | { readonly kind: 'certified'; readonly confirms: readonly HeardConfirm[]; readonly told: Uint8Array | undefined }
  /** A message of this round and attempt whose signature and author's role are already verified. `wire`: the signed envelope. */
  | {
      readonly kind: 'message'
      readonly author: PublicKey
      readonly boot: number
      readonly step: string
      readonly payload: Uint8Array
      readonly wire: Uint8Array
    }
  /** An utterance of the effect `publish` left; `wire` is the envelope that this node signed, in its life `boot`. */
  | { readonly kind: 'published'; readonly step: string; readonly wire: Uint8Array; readonly boot: number }
  /** The staged share is on disk, synced (R20). */
  | { readonly kind: 'persisted'; readonly transcript: TranscriptHash }
  | { readonly kind: 'not_persisted'; readonly transcript: TranscriptHash; readonly error: unknown }
  /** `made` undefined: it could not be computed, by a fault of this node. */
  | { readonly kind: 'computed'; readonly made: MadeKey | undefined; readonly error?: unknown }
  /** It is on disk that all have confirmed this transcript. */
  | { readonly kind: 'committed'; readonly transcript: TranscriptHash }
  | { readonly kind: 'timer'; readonly name: KeygenTimer }

export interface HeardConfirm {
  readonly author: PublicKey
  readonly boot: number
  readonly payload: Uint8Array
  readonly wire: Uint8Array
}

/** Something wrong in what a member said; `wires` are the signed envelopes that show it (docs/ROUNDS.md). */
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
  /**
   * The dealings cancel out into no usable key. `vanishing`: whose share of it would be zero. Such a member arranged that itself, or
   * as many as the threshold together did; so it is told to this operator, and is never evidence.
   */
  | { readonly kind: 'unusable_key'; readonly vanishing: readonly PublicKey[] }
  /** A member was heard in a later attempt; why it went there, nobody can know. */
  | { readonly kind: 'overtaken'; readonly by: PublicKey; readonly attempt: number }
  /** This node's disk did not take the staged share: nothing was confirmed (R20). */
  | { readonly kind: 'disk'; readonly error: unknown }
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

/** Restarts are no fault; that they came one after the other is said to this operator. */
export interface Restarts {
  readonly member: PublicKey
  readonly times: number
}

/**
 * What the driver is to do, in this order. `persist` comes back as the event `persisted`, `commit` as `committed`, `publish` as
 * `published`; a `commit` that failed is asked for again.
 */
export type KeygenEffect =
  | { readonly kind: 'publish'; readonly utterance: Utterance }
  | { readonly kind: 'send'; readonly to: PublicKey; readonly utterance: Utterance }
  | { readonly kind: 'persist'; readonly transcript: TranscriptHash; readonly key: KeyPackage }
  /** Comes back as `computed`: for a large set, so that it may be done beside the event loop. Whoever does it zeroes the shares. */
  | { readonly kind: 'compute'; readonly material: KeyMaterial }
  /** All members have confirmed this transcript: on disk before this node's trial share leaves it (R20). */
  | { readonly kind: 'commit'; readonly transcript: TranscriptHash }
  /**
   * Members that were not heard in time in a step that has no end of its own: it goes on. A local claim, nobody is blamed.
   * `restarts`: who keeps the trial from its end by that, and how often; then nobody is missing.
   */
  | {
      readonly kind: 'late'
      readonly step: KeygenStep
      readonly missing: readonly PublicKey[]
      readonly restarts?: readonly Restarts[]
    }
  /** A fault that ends nothing: of a transcript that is certified, or that this node has left. */
  | { readonly kind: 'found'; readonly fault: KeygenFault }
  /** Replaces a timer of the same name. */
  | { readonly kind: 'arm'; readonly name: KeygenTimer; readonly delayMs: number }
  | { readonly kind: 'disarm'; readonly name: KeygenTimer }
  /** Once. The machine goes on resending for a while, for those who are not done yet: its timers stay. */
  | { readonly kind: 'done'; readonly result: KeygenResult }
  /**
   * Once, and the end, but where this node may be brought back. `confirmed`: this node signed that transcript's certificate; its
   * staged share must be kept (R20), and unless `certified` the machine, which is `left`.
   * `certified`: all members did, so the key may exist, and no other may be made under this pending id.
   */
  | {
      readonly kind: 'aborted'
      readonly reason: KeygenAbort
      readonly confirmed: TranscriptHash | undefined
      readonly certified: boolean
    }

/** What is said or done at which a process may end, by name; the compiler sees to it that no effect is missing. */
const EFFECT_NAMES: {
  readonly [K in KeygenEffect['kind']]: (effect: Extract<KeygenEffect, { kind: K }>) => string
} = {
  publish: ({ utterance }) => `publish ${parseStep(utterance.step)?.step ?? utterance.step}`,
  send: ({ utterance }) => `send ${utterance.step}`,
  persist: () => 'persist',
  compute: () => 'compute',
  commit: () => 'commit',
  late: () => 'late',
  found: () => 'found',
  arm: () => 'arm',
  disarm: () => 'disarm',
  done: () => 'done',
  aborted: () => 'aborted',
}
const nameOf = <K extends KeygenEffect['kind']>(kind: K, effect: Extract<KeygenEffect, { kind: K }>): string =>
  EFFECT_NAMES[kind](effect)
/** The name under which a driver tells that it performs an effect. */
export const effectName = (effect: KeygenEffect): string => nameOf(effect.kind, effect)

/** Which effects change the world: a process that ends beside one of them leaves another one behind. */
const EFFECT_STEPS: { readonly [K in KeygenEffect['kind']]: readonly string[] } = {
  publish: stepsVia('gossip').map((step) => `publish ${step}`),
  send: stepsVia('direct').map((step) => `send ${step}`),
  persist: ['persist'],
  compute: [],
  commit: ['commit'],
  late: [],
  found: [],
  arm: [],
  disarm: [],
  done: ['done'],
  aborted: ['aborted'],
}
/** Every name that a driver may tell, of effects that others or the disk can see. */
export const KEYGEN_EFFECTS: readonly string[] = Object.values(EFFECT_STEPS).flat()
