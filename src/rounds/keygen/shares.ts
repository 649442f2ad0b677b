import { equalBytes, type PublicKey } from '../../base/index.ts'
import { boxHash, openPair, revealPair } from '../../crypto/index.ts'
import { type Heard, type KeygenState, type Phase, wiresOf } from './state.ts'
import type { KeygenFault } from './types.ts'

type Dealing = Extract<Phase, { kind: 'dealing' }>

/** Opens every share whose deal is there too. Whether a share is the deal's is judged when the key is made. */
export function openShares(
  state: KeygenState,
  phase: Dealing,
): { readonly shares: ReadonlyMap<PublicKey, Uint8Array>; readonly faults: readonly KeygenFault[] } {
  const shares = new Map(phase.shares)
  const faults: KeygenFault[] = []
  for (const [dealer, { value: share }] of state.inbox.share) {
    const deal = state.inbox.deal.get(dealer)
    if (deal === undefined || shares.has(dealer)) continue
    const opened = openShare(state, phase, dealer, deal, share)
    if (typeof opened === 'string') faults.push(shareFault(state, phase, dealer, opened))
    else shares.set(dealer, opened)
  }
  return { shares, faults }
}

function openShare(
  { params, attemptId }: KeygenState,
  { receiverKey }: Dealing,
  dealer: PublicKey,
  deal: Heard<'deal'>,
  share: Heard<'share'>['value'],
): Uint8Array | 'ciphertext_mismatch' | 'undecryptable_share' {
  const index = params.members.filter((m) => m !== dealer).indexOf(params.self)
  const promised = deal.value.boxHashes[index] ?? new Uint8Array()
  if (!equalBytes(boxHash(share.box), promised)) return 'ciphertext_mismatch'
  const context = { attempt: attemptId, dealer, receiver: params.self }
  const secret = openPair(context, receiverKey, share.dealerKey, share.box)
  return secret ?? 'undecryptable_share'
}

/** What shows a bad share to anybody: the dealer's words, and the pair secret that opens the box (R18, docs/ROUNDS.md). */
export function shareFault(
  state: KeygenState,
  { receiverKey }: Dealing,
  member: PublicKey,
  code: 'ciphertext_mismatch' | 'undecryptable_share' | 'bad_share',
): KeygenFault {
  const fault = { member, code, wires: wiresOf(state, member, 'deal', 'share') }
  const dealerKey = state.inbox.share.get(member)?.value.dealerKey
  // That two messages don't belong together is seen without opening anything.
  if (code === 'ciphertext_mismatch' || dealerKey === undefined) return fault
  const context = { attempt: state.attemptId, dealer: member, receiver: state.params.self }
  return { ...fault, reveal: revealPair(context, receiverKey, dealerKey) }
}
