import { LIMITS, type PublicKey, type TranscriptHash, toHex } from '../../base/index.ts'
import type { Dealer, EphemeralKey, KeyPackage, NonceCommitment, SecretNonces } from '../../crypto/index.ts'
import { xOnly } from '../../curve/index.ts'
import type { Utterance } from '../../p2p/index.ts'
import { attemptIdOf } from './hashes.ts'
import { FIRST_TURN, type KeygenPayloads, type KeygenStep, stepName } from './steps.ts'
import type { KeygenEffect, KeygenEvent, KeygenParams } from './types.ts'

export type MessageEvent = Extract<KeygenEvent, { kind: 'message' }>

export const RESEND_MIN_MS = 1_000
export const RESEND_MAX_MS = 4_000

/** A message that was heard, and how. */
export interface Heard<S extends KeygenStep> {
  readonly value: KeygenPayloads[S]
  readonly payload: Uint8Array
  readonly wire: Uint8Array
  readonly boot: number
}
/** One message per step and author: early ones wait here, and nobody can fill it. `commit` and `trial` of the current turn. */
export type Inbox = { readonly [S in KeygenStep]: ReadonlyMap<PublicKey, Heard<S>> }

/** Payloads of this node as first said: a resend says the same bytes (R14). */
export interface Said {
  readonly open?: Uint8Array
  readonly deal?: Uint8Array
  readonly shares: ReadonlyMap<PublicKey, Uint8Array>
  readonly confirm?: Uint8Array
  /** Of the current turn. */
  readonly commit?: Uint8Array | undefined
  readonly trial?: Uint8Array | undefined
  readonly certified?: Uint8Array
}

/** The package of one turn, and what this node signed over it. Its own nonces are spent then. */
export interface TrialPackage {
  readonly commitments: ReadonlyMap<PublicKey, NonceCommitment>
  readonly packageHash: Uint8Array
  readonly ownShare: Uint8Array
  /** The signed envelopes of the others' commitments: what comes later of them is of another package. */
  readonly wires: readonly Uint8Array[]
  /** What `turnOf` was: the lives of the members in which they committed to it. */
  readonly turn: string | undefined
}

/** Where the attempt stands, with the secrets that only this stretch of it needs. */
export type Phase =
  | { readonly kind: 'idle' }
  | { readonly kind: 'opening'; readonly receiverKey: EphemeralKey }
  | {
      readonly kind: 'dealing'
      readonly receiverKey: EphemeralKey
      readonly dealer: Dealer
      readonly dealingsChecked: boolean
      /** The key is being made beside the machine. */
      readonly computing: boolean
      /** Opened, 32 secret bytes each. */
      readonly shares: ReadonlyMap<PublicKey, Uint8Array>
    }
  | { readonly kind: 'persisting'; readonly transcript: TranscriptHash; readonly key: KeyPackage }
  | {
      readonly kind: 'confirming'
      readonly transcript: TranscriptHash
      readonly key: KeyPackage
      readonly nonces: SecretNonces
    }
  /** All have confirmed; that is on its way to the disk. */
  | {
      readonly kind: 'committing'
      readonly transcript: TranscriptHash
      readonly key: KeyPackage
      readonly nonces: SecretNonces
    }
  | {
      readonly kind: 'trying'
      readonly transcript: TranscriptHash
      readonly key: KeyPackage
      readonly digest: Uint8Array
      /** This node's for this turn, until it has signed. */
      readonly nonces: SecretNonces
      readonly signed: TrialPackage | undefined
    }
  /** This node has confirmed, and left for another attempt. All is kept with which it may come back. */
  | {
      readonly kind: 'left'
      readonly transcript: TranscriptHash
      readonly key: KeyPackage
      readonly nonces: SecretNonces
    }
  | { readonly kind: 'done' }
  | { readonly kind: 'aborted' }

/**
 * Values, but for the secrets inside the phase: those are destroyed when the phase has used them up, so that an old state
 * can't be stepped a second time into a second use of them.
 */
export interface KeygenState {
  readonly params: KeygenParams
  readonly attemptId: Uint8Array
  readonly others: readonly PublicKey[]
  /** The latest that was heard of each other member. */
  readonly boots: ReadonlyMap<PublicKey, number>
  /** Known once an envelope of this node's has left. */
  readonly ownBoot: number | undefined
  /** How often a member restarted after it had staged this transcript. */
  readonly restarts: ReadonlyMap<PublicKey, number>
  /** Who did so since the step's timer last fired. */
  readonly restless: ReadonlySet<PublicKey>
  readonly inbox: Inbox
  /** x of every ephemeral key of this attempt, heard or our own, as hex (R18). */
  readonly ephemerals: ReadonlySet<string>
  readonly said: Said
  /** Our own signed confirm: part of the certificate. */
  readonly ownConfirmWire: Uint8Array | undefined
  /** Our own signed commitment for the current turn, where it is not the confirm's. */
  readonly ownCommitWire: Uint8Array | undefined
  /** Of the trial, see `turnOf`. */
  readonly turn: string
  /** The next turn may be entered: not so for everybody that restarts over and over. */
  readonly isTurnDue: boolean
  /** What was said of turns that this node has not come to: one commitment and one share of each author. */
  readonly ahead: ReadonlyMap<string, MessageEvent>
  /** All members have confirmed our transcript. From then on nothing but this key is made (R20). */
  readonly certified: boolean
  /** The word of another by which this node came back from a later attempt in which it had dealt. */
  readonly told: Uint8Array | undefined
  /** Of whom a fault was shown that ends nothing any more: once each. */
  readonly shown: ReadonlySet<PublicKey>
  readonly resendMs: number
  readonly phase: Phase
}

export interface Transition {
  readonly state: KeygenState
  readonly effects: readonly KeygenEffect[]
}

/** Throws TypeError on parameters that no keygen can have: those come from this node, not from peers. */
export function newKeygen(params: KeygenParams): KeygenState {
  const { members, threshold, self, attempt } = params
  if (members.length < 2 || members.length > LIMITS.maxSigners) throw new TypeError('keygen: expected 2 to 128 members')
  if (members.some((m, i) => i > 0 && (members[i - 1] ?? '') >= m))
    throw new TypeError('keygen: members must be sorted and distinct')
  if (!members.includes(self)) throw new TypeError('keygen: this node is not a member')
  if (!Number.isInteger(threshold) || threshold < 2 || threshold > members.length)
    throw new TypeError('keygen: threshold must be 2 to the number of members')
  if (!Number.isInteger(attempt) || attempt < 0) throw new TypeError('keygen: attempt must be a natural number')
  return {
    params,
    attemptId: attemptIdOf(params),
    others: members.filter((m) => m !== self),
    boots: new Map(),
    ownBoot: undefined,
    restarts: new Map(),
    restless: new Set(),
    inbox: {
      open: new Map(),
      deal: new Map(),
      share: new Map(),
      confirm: new Map(),
      commit: new Map(),
      trial: new Map(),
      complaint: new Map(),
      certified: new Map(),
    },
    ephemerals: new Set(),
    said: { shares: new Map() },
    ownConfirmWire: undefined,
    ownCommitWire: undefined,
    turn: FIRST_TURN,
    isTurnDue: true,
    ahead: new Map(),
    certified: false,
    told: undefined,
    shown: new Set(),
    resendMs: RESEND_MIN_MS,
    phase: { kind: 'idle' },
  }
}

export const utterance = ({ params, turn }: KeygenState, step: KeygenStep, payload: Uint8Array): Utterance => ({
  round: params.pendingId,
  attempt: params.attempt,
  step: step === 'commit' || step === 'trial' ? stepName(step, turn) : step,
  payload,
})

/** The message of every other member, by member, or undefined while one is missing. */
export function allOf<S extends KeygenStep>(state: KeygenState, step: S): ReadonlyMap<PublicKey, Heard<S>> | undefined {
  const heard: ReadonlyMap<PublicKey, Heard<S>> = state.inbox[step]
  return state.others.every((m) => heard.has(m)) ? heard : undefined
}

export const without = (state: KeygenState, step: KeygenStep): readonly PublicKey[] =>
  state.others.filter((m) => !state.inbox[step].has(m))

export const withPhase = (state: KeygenState, phase: Phase): KeygenState => ({ ...state, phase })

/** Signed envelopes of a member, as evidence. */
export const wiresOf = (
  { inbox }: KeygenState,
  member: PublicKey,
  ...steps: readonly KeygenStep[]
): readonly Uint8Array[] => steps.flatMap((step) => inbox[step].get(member)?.wire ?? [])

/** Whom this phase waits for, by the first step that is missing. */
export function waitingFor(phase: Phase): readonly KeygenStep[] {
  switch (phase.kind) {
    case 'opening':
      return ['open']
    case 'dealing':
      return ['deal', 'share']
    case 'confirming':
      return ['confirm']
    default:
      return []
  }
}

/** A key serves once (R18). Compared by x: a point and its negative share their secret but for the sign. */
export const isRepeated = (state: KeygenState, key: Uint8Array): boolean => state.ephemerals.has(toHex(xOnly(key)))
export const withEphemerals = (state: KeygenState, keys: readonly Uint8Array[]): KeygenState => ({
  ...state,
  ephemerals: new Set([...state.ephemerals, ...keys.map((k) => toHex(xOnly(k)))]),
})

/** Enters a phase: its deadline runs, and resends begin anew. */
export function enter(
  state: KeygenState,
  phase: Phase,
  said: Partial<Said>,
  effects: readonly KeygenEffect[],
): Transition {
  return {
    state: { ...state, phase, said: { ...state.said, ...said }, resendMs: RESEND_MIN_MS },
    effects: [
      ...effects,
      { kind: 'arm', name: 'step', delayMs: LIMITS.keygenStepTimeoutMs },
      { kind: 'arm', name: 'resend', delayMs: RESEND_MIN_MS },
    ],
  }
}

/** A step that no silence ends goes on, and this operator is told for whom it waits. */
export const stayed = (state: KeygenState, late: Extract<KeygenEffect, { kind: 'late' }>): Transition => ({
  state,
  effects: [
    { kind: 'arm', name: 'step', delayMs: LIMITS.keygenStepTimeoutMs },
    ...(late.missing.length > 0 || late.restarts !== undefined ? [late] : []),
  ],
})
