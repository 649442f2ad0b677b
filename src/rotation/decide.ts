import type { PublicKey, SetHash } from '../base/index.ts'
import type { Snapshot } from '../registry/index.ts'
import { isSuccession, missingApprovals, type PendingSpec } from '../rounds/index.ts'

/** How long a co-signer leaves it to those before it in the order to name nonce and fee, per place. */
export const COSIGN_TURN_MS = 3_000
/** How long a transaction may stay without effect, or without enough signatures, before the chain is asked again: accepted ≠ done. */
export const TX_PATIENCE_MS = 60_000
/**
 * How long look after look must find an approval past its end before it is dropped for good: a wall clock that is wrong for
 * a moment comes back, and a dropped approval does not.
 */
export const EXPIRY_PATIENCE_MS = 60_000
/** A fee that another member names is signed up to so many times one's own: enough to agree, too little to drain the account. */
export const FEE_TOLERANCE = 16
/** How often one member's naming is followed at one nonce, each time for a quarter more at least: a walk in small steps ends. */
export const MAX_NAMED_FEES = 8

/** How long a member leaves it to those before it in the order to have a listed digest signed, per place: all would ask for the same. */
export const HANDOFF_TURN_MS = 3_000
/** Between two tries to have listed digests signed: other operators list theirs in minutes. */
export const HANDOFF_RETRY_MS = 5_000

/** Nonce and fee: the variants of one rotate-keys payload. */
export interface Variant {
  readonly nonce: number
  readonly feeUstx: number
}

/** What this node's operator wants signed by the old key before rotate-keys (R29). */
export interface HandoffFacts {
  /** The operator has said that more digests will be listed. */
  readonly hold: boolean
  readonly listed: readonly {
    readonly name: string
    readonly signed: boolean
    /** Members of the current set that list it. */
    readonly by: readonly PublicKey[]
    /** Since when enough of them do. */
    readonly readySinceMs: number | undefined
  }[]
  /** This node asks for signatures right now. */
  readonly signing: boolean
  readonly triedAtMs: number
}

/** Everything the next step depends on. */
export interface RotationFacts {
  /** Monotonic, as all times here: what is counted is patience, and a wall clock that is set must not stretch it. */
  readonly nowMs: number
  readonly self: PublicKey
  /** This operator's next key (R7). */
  readonly next?: PublicKey | undefined
  readonly snapshot: Snapshot
  /** Names the set on chain, or the absent one, as the snapshot shows it (R6, R7). */
  readonly currentHash: SetHash
  /** R5: the snapshot is too old to widen trust by. */
  readonly frozen: boolean
  /** R17: another node speaks with this node's key, so this one puts it to nothing more. */
  readonly stopped: boolean
  readonly spec: PendingSpec
  /** Since when every look has found this operator's approval past its end; undefined: it stands. */
  readonly expiredSinceMs: number | undefined
  readonly approved: ReadonlySet<PublicKey>
  readonly keygen: 'idle' | 'running' | 'done'
  readonly proposal: { readonly aggregateKey: PublicKey; readonly receivedAtMs: number } | undefined
  readonly handoff: HandoffFacts
  /** The principal's next nonce, once asked for this proposal. */
  readonly chainNonce: number | undefined
  /** When the chain was last asked, its newest block held another key than the snapshot, which follows (R4, `confirmations`). */
  readonly chainAhead: boolean
  /** This node's own fee: the estimate asked together with the nonce, half as much again for every time it bore no fruit. */
  readonly ownFeeUstx: number | undefined
  /** The own fee was raised, because what was sent at this nonce had no effect. */
  readonly raised: boolean
  /** When the chain was last asked, or a transaction last sent. */
  readonly askedAtMs: number
  /** The chain did not answer the last time: it is left alone until then. */
  readonly chainRestUntilMs: number
  /** Verified co-signatures at this nonce, this node's own included, in the order in which they were heard. */
  readonly cosignatures: readonly (Variant & { readonly author: PublicKey })[]
  /** Fees at which the transaction was sent since the chain was last asked. */
  readonly sentFees: ReadonlySet<number>
}

export type Action =
  | { readonly kind: 'wait'; readonly for: WaitingFor; readonly missing: readonly PublicKey[] }
  | { readonly kind: 'finish'; readonly outcome: 'done' | 'superseded' | 'expired' }
  | { readonly kind: 'start_keygen' }
  | { readonly kind: 'sign_handoff'; readonly names: readonly string[] }
  | { readonly kind: 'ask_chain' }
  | { readonly kind: 'cosign'; readonly variant: Variant }
  | { readonly kind: 'broadcast'; readonly variant: Variant }
/** Every step that does something; the compiler sees to it that none is missing. */
const STEPS: { readonly [K in Exclude<Action['kind'], 'wait'>]: true } = {
  finish: true,
  start_keygen: true,
  sign_handoff: true,
  ask_chain: true,
  cosign: true,
  broadcast: true,
}
export const ROTATION_STEPS: readonly string[] = Object.keys(STEPS)
export type WaitingFor = 'restart' | 'registry' | 'approvals' | 'keygen' | 'handoff' | 'cosignatures' | 'chain'

/** The order in which co-signers name nonce and fee: rotated by the pending id, so that nobody is always first. */
export function cosignOrder(spec: PendingSpec): readonly PublicKey[] {
  const start = Number.parseInt(spec.id.slice(0, 8), 16) % spec.currentKeys.length
  return [...spec.currentKeys.slice(start), ...spec.currentKeys.slice(0, start)]
}

/** From what is known to the next single step; asking again with the same facts gives the same step. */
export function nextAction(f: RotationFacts): Action {
  const action = wantedAction(f)
  const isForChain = action.kind === 'ask_chain' || action.kind === 'broadcast'
  return isForChain && f.nowMs < f.chainRestUntilMs ? { kind: 'wait', for: 'chain', missing: [] } : action
}

function wantedAction(f: RotationFacts): Action {
  const over = ended(f)
  if (over !== undefined) return over
  if (f.stopped) return { kind: 'wait', for: 'restart', missing: [] }
  if (f.frozen) return { kind: 'wait', for: 'registry', missing: [] }
  if (f.proposal === undefined) return beforeKey(f)
  if (!f.spec.currentKeys.includes(f.self)) return { kind: 'wait', for: 'chain', missing: [] }
  const handoff = handOver(f)
  if (handoff !== undefined) return handoff
  if (f.chainAhead) return whileAhead(f)
  if (f.chainNonce === undefined || f.ownFeeUstx === undefined) return { kind: 'ask_chain' }
  return putOnChain(f, f.proposal.receivedAtMs, f.chainNonce, f.ownFeeUstx)
}

/**
 * A rotation was mined that is not deep enough for a snapshot yet, most likely this one: the next nonce must stay free, or
 * members would co-sign a second time what is done, and R29 would then keep that nonce from the next rotation. Asked
 * again, because a reorg can take it back.
 */
const whileAhead = (f: RotationFacts): Action =>
  f.nowMs > f.askedAtMs + TX_PATIENCE_MS ? { kind: 'ask_chain' } : { kind: 'wait', for: 'chain', missing: [] }

function ended(f: RotationFacts): Action | undefined {
  const { snapshot, spec, proposal } = f
  if (f.currentHash !== spec.parentSetHash) {
    const onChain = snapshot.kind === 'set' ? snapshot.set.aggregateKey : undefined
    const ours = proposal !== undefined && onChain === proposal.aggregateKey
    return { kind: 'finish', outcome: ours ? 'done' : 'superseded' }
  }
  // Once a key exists the approval has done its work: expiring now would strand a transaction on its way.
  if (proposal === undefined && f.nowMs >= (f.expiredSinceMs ?? f.nowMs) + EXPIRY_PATIENCE_MS)
    return { kind: 'finish', outcome: 'expired' }
  return undefined
}

function beforeKey(f: RotationFacts): Action {
  const missing = missingApprovals(f.spec, f.approved)
  if (missing.length > 0) return { kind: 'wait', for: 'approvals', missing }
  const deals = f.spec.keys.includes(f.self) || (f.next !== undefined && isSuccession(f.spec, f.self, f.next))
  if (f.keygen === 'idle' && deals) return { kind: 'start_keygen' }
  return { kind: 'wait', for: 'keygen', missing: [] }
}

/**
 * R29: what this operator listed comes before this node's name under rotate-keys. Other operators' lists are theirs: they hold
 * back their own names. Asked for as soon as enough members list it, since each consents to nothing else (R27).
 */
function handOver(f: RotationFacts): Action | undefined {
  const { hold, listed, signing, triedAtMs } = f.handoff
  const unsigned = listed.filter(({ signed }) => !signed)
  if (!hold && unsigned.length === 0) return undefined
  const turnMs = cosignOrder(f.spec).indexOf(f.self) * HANDOFF_TURN_MS
  const due = unsigned.filter(({ readySinceMs = Number.POSITIVE_INFINITY }) => f.nowMs >= readySinceMs + turnMs)
  if (due.length > 0 && !signing && f.nowMs >= triedAtMs + HANDOFF_RETRY_MS)
    return { kind: 'sign_handoff', names: due.map(({ name }) => name) }
  const short = unsigned.filter(({ by }) => by.length < f.spec.currentThreshold)
  const missing = f.spec.currentKeys.filter((key) => short.some(({ by }) => !by.includes(key)))
  return { kind: 'wait', for: 'handoff', missing }
}

/** Fees that this node is ready to sign, those named by earlier members of the order first. */
function acceptableFees(f: RotationFacts, at: RotationFacts['cosignatures'], ownFeeUstx: number): readonly number[] {
  const fees: number[] = []
  for (const author of cosignOrder(f.spec)) {
    const named: number[] = []
    for (const { feeUstx } of at.filter((c) => c.author === author)) {
      if (fees.includes(feeUstx) || feeUstx > ownFeeUstx * FEE_TOLERANCE) continue
      if (named.length >= MAX_NAMED_FEES || feeUstx * 4 < (named.at(-1) ?? 0) * 5) continue
      named.push(feeUstx)
      fees.push(feeUstx)
    }
  }
  return fees
}

/**
 * Every member signs every fee in reason that anyone names: only one transaction of a nonce can be mined, so signing
 * several harms nobody, and members that disagree about the fee can't block each other (R29 fixes the payload, not its fee).
 */
function putOnChain(f: RotationFacts, sinceMs: number, nonce: number, ownFeeUstx: number): Action {
  const at = f.cosignatures.filter((c) => c.nonce === nonce)
  const signersOf = (feeUstx: number) => new Set(at.filter((c) => c.feeUstx === feeUstx).map((c) => c.author))
  const fees = acceptableFees(f, at, ownFeeUstx)
  const unsigned = fees.find((feeUstx) => !signersOf(feeUstx).has(f.self))
  if (unsigned !== undefined) return { kind: 'cosign', variant: { nonce, feeUstx: unsigned } }
  const ready = fees.filter((feeUstx) => signersOf(feeUstx).size >= f.spec.currentThreshold)
  const unsent = ready.find((feeUstx) => !f.sentFees.has(feeUstx))
  if (unsent !== undefined) return { kind: 'broadcast', variant: { nonce, feeUstx: unsent } }
  const order = cosignOrder(f.spec)
  const rank = order.indexOf(f.self)
  // Whoever is first in the order names at once, the others when nothing of the earlier ones is on its way; later, who offers more.
  const wanted = ready.length === 0 || (f.raised && ready.every((feeUstx) => feeUstx < ownFeeUstx))
  if (wanted && !fees.includes(ownFeeUstx) && f.nowMs >= sinceMs + rank * COSIGN_TURN_MS)
    return { kind: 'cosign', variant: { nonce, feeUstx: ownFeeUstx } }
  if (f.nowMs > f.askedAtMs + TX_PATIENCE_MS) return { kind: 'ask_chain' }
  if (ready.length > 0) return { kind: 'wait', for: 'chain', missing: [] }
  const signed = new Set(at.map((c) => c.author))
  return { kind: 'wait', for: 'cosignatures', missing: order.filter((k) => !signed.has(k)) }
}
