import type { PublicKey } from '../base/index.ts'
import type { Snapshot } from '../registry/index.ts'
import { missingApprovals, type PendingSpec } from '../rounds/index.ts'

/** How long a co-signer waits for those before it in the order to name nonce and fee, per place. */
export const COSIGN_TURN_MS = 3_000
/** How long an accepted transaction may stay without effect before the chain's nonce is asked again: accepted ≠ done. */
export const TX_PATIENCE_MS = 60_000

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
  /** This node's own fee, for when it is its turn to name one. */
  readonly ownFeeUstx: number | undefined
  readonly ownCosignature: Variant | undefined
  /** Verified co-signatures of others, in the order of the co-signers (`cosignOrder`). */
  readonly cosignatures: readonly (Variant & { readonly author: PublicKey })[]
  readonly broadcastAtMs: number | undefined
}

export type Action =
  | { readonly kind: 'wait'; readonly for: WaitingFor; readonly missing: readonly PublicKey[] }
  | { readonly kind: 'finish'; readonly outcome: 'done' | 'superseded' | 'expired' }
  | { readonly kind: 'start_keygen' }
  | { readonly kind: 'ask_chain_nonce' }
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
  if (f.chainNonce === undefined) return { kind: 'ask_chain_nonce' }
  return putOnChain(f, f.proposal.receivedAtMs, f.chainNonce)
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

function putOnChain(f: RotationFacts, sinceMs: number, nonce: number): Action {
  const order = cosignOrder(f.spec)
  const live = f.cosignatures.filter((c) => c.nonce === nonce)
  const rank = order.indexOf(f.self)
  // The first in the order that has spoken names the fee; whoever signed another fee of the same payload signs again.
  const leader = live.toSorted((a, b) => order.indexOf(a.author) - order.indexOf(b.author))[0]
  const own = f.ownCosignature?.nonce === nonce ? f.ownCosignature : undefined
  if (leader !== undefined && order.indexOf(leader.author) < rank && own?.feeUstx !== leader.feeUstx)
    return { kind: 'cosign', variant: { nonce, feeUstx: leader.feeUstx } }
  if (own === undefined) {
    if (f.ownFeeUstx !== undefined && f.nowMs >= sinceMs + rank * COSIGN_TURN_MS)
      return { kind: 'cosign', variant: { nonce, feeUstx: f.ownFeeUstx } }
    return { kind: 'wait', for: 'cosignatures', missing: order.slice(0, rank) }
  }
  const signed = new Set([f.self, ...live.filter((c) => c.feeUstx === own.feeUstx).map((c) => c.author)])
  if (signed.size < f.spec.currentThreshold)
    return { kind: 'wait', for: 'cosignatures', missing: order.filter((k) => !signed.has(k)) }
  if (f.broadcastAtMs === undefined) return { kind: 'broadcast', variant: own }
  if (f.nowMs > f.broadcastAtMs + TX_PATIENCE_MS) return { kind: 'ask_chain_nonce' }
  return { kind: 'wait', for: 'chain', missing: [] }
}
