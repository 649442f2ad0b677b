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
  commit: { via: 'gossip' },
  trial: { via: 'gossip' },
  complaint: { via: 'gossip' },
  certified: { via: 'gossip' },
} as const satisfies Readonly<Record<string, { readonly via: 'gossip' | 'direct' }>>

export type KeygenStep = keyof typeof KEYGEN_STEPS
const STEPS = Object.keys(KEYGEN_STEPS) as readonly KeygenStep[]

/** The first turn of a trial: its commitments are those of the confirms. */
export const FIRST_TURN = ''

/**
 * A step as an envelope names it. What is said in a later turn of the trial stands in a slot of its own (R16): `trial/` and the
 * name of the turn (`turnOf`).
 */
export const stepName = (step: KeygenStep, turn: string): string => (turn === FIRST_TURN ? step : `${step}/${turn}`)

interface NamedStep {
  readonly step: KeygenStep
  readonly turn: string
}
const FIRST: ReadonlyMap<string, NamedStep> = new Map(
  STEPS.filter((step) => step !== 'commit').map((step) => [step, { step, turn: FIRST_TURN }]),
)
/** 18 bytes in base64url, so that a step and its turn go into the name of an envelope's step. */
const LATER = /^(?<step>commit|trial)\/(?<turn>[\w-]{24})$/
/** undefined for whatever is no step of keygen. */
export function parseStep(name: string): NamedStep | undefined {
  const { step, turn } = LATER.exec(name)?.groups ?? {}
  return turn === undefined ? FIRST.get(name) : { step: step === 'commit' ? 'commit' : 'trial', turn }
}
/** How a step travels; undefined for whatever is no step of keygen. */
export const viaOf = (name: string): 'gossip' | 'direct' | undefined => {
  const parsed = parseStep(name)
  return parsed && KEYGEN_STEPS[parsed.step].via
}

export const stepsVia = (via: 'gossip' | 'direct'): readonly KeygenStep[] =>
  STEPS.filter((step) => KEYGEN_STEPS[step].via === via)

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

/** That the staged share of this transcript is on disk (R20), and a commitment for one trial of it. */
interface Confirm {
  readonly transcript: TranscriptHash
  /** 33-byte point of even Y. */
  readonly aggregateKey: PublicKey
  readonly commitment: NonceCommitment
  /** See `commitmentsHash`. */
  readonly commitmentsHash: Uint8Array
}

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
  readonly confirm: Confirm
  /** A fresh commitment for a later turn of the trial; certifies nothing. */
  readonly commit: Confirm
  /** `packageHash`: of the package that the share was made over (R26). */
  readonly trial: { readonly share: Uint8Array; readonly packageHash: Uint8Array }
  /** `accused` undefined: something is wrong, and nobody can be named for it. */
  readonly complaint: {
    readonly accused: PublicKey | undefined
    readonly code: FaultCode
    /** undefined: a claim that nobody can check. */
    readonly proof?: FaultProof | undefined
  }
  /**
   * That all have confirmed this attempt's transcript. With `confirms`, all of them in member order, it is its author's word that it
   * has dealt in no later attempt and never will; `told` is that word of another member instead.
   */
  readonly certified: { readonly confirms: readonly Uint8Array[]; readonly told: Uint8Array | undefined }
}

/** What lets anybody judge a fault (docs/ROUNDS.md). */
export interface FaultProof {
  /** Signed envelopes. */
  readonly wires: readonly Uint8Array[]
  /** Opens the one box that holds a wrong share (R18). */
  readonly reveal: PairReveal | undefined
  /** To the joint polynomial, 33 bytes each, where a trial share is wrong; else empty. */
  readonly commitments: readonly Uint8Array[]
}
