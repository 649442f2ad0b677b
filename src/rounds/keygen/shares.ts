import { equalBytes, type PublicKey } from '../../base/index.ts'
import { boxHash, openPair } from '../../crypto/index.ts'
import { type Heard, type KeygenState, type Phase, wiresOf } from './state.ts'
import type { FaultCode } from './steps.ts'
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
    if (typeof opened === 'string') faults.push(shareFault(state, dealer, opened))
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
): Uint8Array | FaultCode {
  const index = params.members.filter((m) => m !== dealer).indexOf(params.self)
  const promised = deal.value.boxHashes[index] ?? new Uint8Array()
  if (!equalBytes(boxHash(share.box), promised)) return 'ciphertext_mismatch'
  const context = { attempt: attemptId, dealer, receiver: params.self }
  const secret = openPair(context, receiverKey, share.dealerKey, share.box)
  return secret ?? 'undecryptable_share'
}

/** What shows a bad share, but for the pair secret that opens it (R18, DESIGN §9). */
export const shareFault = (state: KeygenState, member: PublicKey, code: FaultCode): KeygenFault => ({
  member,
  code,
  wires: wiresOf(state, member, 'open', 'deal', 'share'),
})
