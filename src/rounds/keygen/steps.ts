import type { PublicKey, TranscriptHash } from '../../base/index.ts'
import type { Dealing, NonceCommitment, PairReveal } from '../../crypto/index.ts'

/**
 * What is said in keygen, and how. `direct` steps go to one member over a stream of its own and never over gossip; their
 * slot (R16) includes the receiver that the payload names.
 */
export const KEYGEN_STEPS = {
  open: { via: 'gossip' },
  deal: { via: 'gossip' },
  share: { via: 'direct' },
  confirm: { via: 'gossip' },
  trial: { via: 'gossip' },
  complaint: { via: 'gossip' },
} as const satisfies Readonly<Record<string, { readonly via: 'gossip' | 'direct' }>>

export type KeygenStep = keyof typeof KEYGEN_STEPS
export const isKeygenStep = (step: string): step is KeygenStep => Object.hasOwn(KEYGEN_STEPS, step)

/** What may be wrong with a member's messages; the closed list of complaints. */
export const FAULT_CODES = [
  'malformed',
  'equivocation',
  'wrong_commitment_count',
  'bad_proof_of_knowledge',
  'bad_ephemeral_proof',
  'repeated_ephemeral',
  'ciphertext_mismatch',
  'undecryptable_share',
  'bad_share',
  'transcript_mismatch',
  'bad_trial_share',
] as const
export type FaultCode = (typeof FAULT_CODES)[number]

/** Payload of each step. Keys 33 bytes, proofs 64, hashes and shares 32. */
export interface KeygenPayloads {
  readonly open: { readonly receiverKey: Uint8Array; readonly proof: Uint8Array }
  readonly deal: { readonly dealing: Dealing; readonly boxHashes: readonly Uint8Array[] }
  readonly share: {
    readonly receiver: PublicKey
    readonly dealerKey: Uint8Array
    readonly proof: Uint8Array
    readonly box: Uint8Array
    /** The receiver's key that the dealer sealed to. */
    readonly receiverKey: Uint8Array
  }
  readonly confirm: {
    readonly transcript: TranscriptHash
    /** 33-byte point of even Y. */
    readonly aggregateKey: PublicKey
    readonly commitment: NonceCommitment
    /** See `commitmentsHash`. */
    readonly commitmentsHash: Uint8Array
  }
  /** `packageHash`: of the package that the share was made over (R26). */
  readonly trial: { readonly share: Uint8Array; readonly packageHash: Uint8Array }
  /** `accused` undefined: something is wrong, and nobody can be named for it. */
  readonly complaint: {
    readonly accused: PublicKey | undefined
    readonly code: FaultCode
    /** undefined: a claim that nobody can check. */
    readonly proof?: FaultProof | undefined
  }
}

/** What lets anybody judge a fault (DESIGN §9). */
export interface FaultProof {
  /** Signed envelopes. */
  readonly wires: readonly Uint8Array[]
  /** Opens the one box that holds a wrong share (R18). */
  readonly reveal: PairReveal | undefined
  /** To the joint polynomial, 33 bytes each, where a trial share is wrong; else empty. */
  readonly commitments: readonly Uint8Array[]
}
