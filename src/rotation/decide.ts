import type { PublicKey } from '../base/index.ts'
import { MAX_FEE_USTX, type Snapshot } from '../registry/index.ts'
import { missingApprovals, type PendingSpec } from '../rounds/index.ts'

/** How long a co-signer waits for those before it in the order to name nonce and fee, per place. */
export const COSIGN_TURN_MS = 3_000
/** How long an accepted transaction may stay without effect before the chain is asked again: accepted ≠ done. */
export const TX_PATIENCE_MS = 60_000
/** A fee that another member names is followed only this near to one's own estimate: nobody may stall or drain by naming it. */
export const FEE_TOLERANCE = 4

/** Nonce and fee: the variants of one rotate-keys payload. */
export interface Variant {
  readonly nonce: number
  readonly feeUstx: number
}

/** Everything the next step depends on. */
export interface RotationFacts {
  readonly nowMs: number
  readonly self: PublicKey
  readonly snapshot: Snapshot
  readonly spec: PendingSpec
  readonly approvalExpiresAtMs: number
  readonly approved: ReadonlySet<PublicKey>
  readonly keygen: 'idle' | 'running' | 'done'
  readonly proposal: { readonly aggregateKey: PublicKey; readonly receivedAtMs: number } | undefined
  /** The principal's next nonce, once asked for this proposal. */
  readonly chainNonce: number | undefined
  /** This node's own estimate, asked together with the nonce. */
  readonly ownFeeUstx: number | undefined
  readonly ownCosignature: Variant | undefined
  /** Verified co-signatures of others. */
  readonly cosignatures: readonly (Variant & { readonly author: PublicKey })[]
  /** Fees that were sent at this nonce and had no effect in `TX_PATIENCE_MS`. */
  readonly fruitlessFees: ReadonlySet<number>
  readonly broadcastAtMs: number | undefined
}

export type Action =
  | { readonly kind: 'wait'; readonly for: WaitingFor; readonly missing: readonly PublicKey[] }
  | { readonly kind: 'finish'; readonly outcome: 'done' | 'superseded' | 'expired' }
  | { readonly kind: 'start_keygen' }
  | { readonly kind: 'ask_chain' }
  | { readonly kind: 'cosign'; readonly variant: Variant }
  | { readonly kind: 'broadcast'; readonly variant: Variant }
export type WaitingFor = 'approvals' | 'keygen' | 'cosignatures' | 'chain'

/** The order in which co-signers name nonce and fee: rotated by the pending id, so that nobody is always first. */
export function cosignOrder(spec: PendingSpec): readonly PublicKey[] {
  const start = Number.parseInt(spec.id.slice(0, 8), 16) % spec.currentKeys.length
  return [...spec.currentKeys.slice(start), ...spec.currentKeys.slice(0, start)]
}

/** From what is known to the next single step; asking again with the same facts gives the same step. */
export function nextAction(f: RotationFacts): Action {
  const over = ended(f)
  if (over !== undefined) return over
  if (f.proposal === undefined) return beforeKey(f)
  if (!f.spec.currentKeys.includes(f.self)) return { kind: 'wait', for: 'chain', missing: [] }
  if (f.chainNonce === undefined || f.ownFeeUstx === undefined) return { kind: 'ask_chain' }
  return putOnChain(f, f.proposal.receivedAtMs, f.chainNonce, f.ownFeeUstx)
}

function ended(f: RotationFacts): Action | undefined {
  const { snapshot, spec, proposal } = f
  if (snapshot.kind === 'set' && snapshot.set.hash !== spec.parentSetHash) {
    const ours = proposal !== undefined && snapshot.set.aggregateKey === proposal.aggregateKey
    return { kind: 'finish', outcome: ours ? 'done' : 'superseded' }
  }
  // Once a key exists the approval has done its work: expiring now would strand a transaction on its way.
  if (proposal === undefined && f.nowMs > f.approvalExpiresAtMs) return { kind: 'finish', outcome: 'expired' }
  return undefined
}

function beforeKey(f: RotationFacts): Action {
  const missing = missingApprovals(f.spec, f.approved)
  if (missing.length > 0) return { kind: 'wait', for: 'approvals', missing }
  if (f.keygen === 'idle' && f.spec.keys.includes(f.self)) return { kind: 'start_keygen' }
  return { kind: 'wait', for: 'keygen', missing: [] }
}

/** One's own fee for the next try: half as much again as what bore no fruit. */
function ownFee(estimateUstx: number, fruitless: ReadonlySet<number>): number {
  let feeUstx = estimateUstx
  while (fruitless.has(feeUstx) && feeUstx < MAX_FEE_USTX) feeUstx = Math.min(MAX_FEE_USTX, Math.ceil(feeUstx * 1.5))
  return feeUstx
}

function putOnChain(f: RotationFacts, sinceMs: number, nonce: number, estimateUstx: number): Action {
  const order = cosignOrder(f.spec)
  const rank = order.indexOf(f.self)
  const mineUstx = ownFee(estimateUstx, f.fruitlessFees)
  const followable = (feeUstx: number): boolean =>
    feeUstx === mineUstx ||
    (!f.fruitlessFees.has(feeUstx) && feeUstx * FEE_TOLERANCE >= mineUstx && feeUstx <= mineUstx * FEE_TOLERANCE)
  const live = f.cosignatures.filter((c) => c.nonce === nonce)
  // The first in the order that named a fee in reason leads; whoever signed another fee of the same payload signs again.
  const leader = live
    .filter((c) => order.indexOf(c.author) < rank && followable(c.feeUstx))
    .toSorted((a, b) => order.indexOf(a.author) - order.indexOf(b.author))[0]
  const own = f.ownCosignature?.nonce === nonce ? f.ownCosignature : undefined
  if (leader !== undefined && own?.feeUstx !== leader.feeUstx)
    return { kind: 'cosign', variant: { nonce, feeUstx: leader.feeUstx } }
  if (own === undefined || !followable(own.feeUstx)) {
    if (f.nowMs >= sinceMs + rank * COSIGN_TURN_MS) return { kind: 'cosign', variant: { nonce, feeUstx: mineUstx } }
    return { kind: 'wait', for: 'cosignatures', missing: order.slice(0, rank) }
  }
  const signed = new Set([f.self, ...live.filter((c) => c.feeUstx === own.feeUstx).map((c) => c.author)])
  if (signed.size < f.spec.currentThreshold)
    return { kind: 'wait', for: 'cosignatures', missing: order.filter((k) => !signed.has(k)) }
  if (f.broadcastAtMs === undefined) return { kind: 'broadcast', variant: own }
  if (f.nowMs > f.broadcastAtMs + TX_PATIENCE_MS) return { kind: 'ask_chain' }
  return { kind: 'wait', for: 'chain', missing: [] }
}
