import { concatBytes, LIMITS, type PublicKey, zeroize } from '../../base/index.ts'
import {
  boxHash,
  checkDealings,
  combineShares,
  dealerFor,
  EphemeralKey,
  type KeyPackage,
  type Dealing as PublicDealing,
  proveDealerKey,
  proveReceiverKey,
  sealPair,
  shareFor,
} from '../../crypto/index.ts'
import { abort, abortForFaults, destroySecrets } from './abort.ts'
import { encodeKeygen } from './codec.ts'
import { transcriptOf } from './hashes.ts'
import { openShares, shareFault } from './shares.ts'
import {
  allOf,
  enter,
  type Heard,
  type KeygenState,
  type Phase,
  type Transition,
  utterance,
  wiresOf,
  withEphemerals,
  withPhase,
} from './state.ts'
import type { KeygenEffect, KeygenEvent } from './types.ts'

type Dealing = Extract<Phase, { kind: 'dealing' }>
type Computed = Extract<KeygenEvent, { kind: 'computed' }>

/** First words: the key to which this node's shares of this attempt are to be sealed. */
export function open(state: KeygenState): Transition {
  const { params, attemptId } = state
  const receiverKey = EphemeralKey.generate(params.rng)
  const proof = proveReceiverKey(attemptId, params.self, receiverKey)
  const said = encodeKeygen('open', { receiverKey: receiverKey.publicKey, proof })
  return enter(withEphemerals(state, [receiverKey.publicKey]), { kind: 'opening', receiverKey }, { open: said }, [
    { kind: 'publish', utterance: utterance(state, 'open', said) },
  ])
}

/** Once all keys to seal to are known: commitments to everyone, and to each member its share. */
export function deal(
  state: KeygenState,
  receiverKey: EphemeralKey,
  opens: ReadonlyMap<PublicKey, Heard<'open'>>,
): Transition {
  const { params, attemptId, others } = state
  const dealer = dealerFor(params, params.self, params.rng)
  const sealed = others.map((receiver) => {
    const context = { attempt: attemptId, dealer: params.self, receiver }
    const dealerKey = EphemeralKey.generate(params.rng)
    const secret = shareFor(dealer, receiver)
    const receiverKey = opens.get(receiver)?.value.receiverKey ?? new Uint8Array()
    const box = sealPair(context, dealerKey, receiverKey, secret)
    const proof = proveDealerKey(context, dealerKey)
    zeroize(secret)
    dealerKey.destroy()
    return { receiver, dealerKey: dealerKey.publicKey, proof, box, receiverKey }
  })
  const said = encodeKeygen('deal', { dealing: dealer.dealing, boxHashes: sealed.map((s) => boxHash(s.box)) })
  const shares = new Map(sealed.map((s) => [s.receiver, encodeKeygen('share', s)]))
  return enter(
    withEphemerals(
      state,
      sealed.map((s) => s.dealerKey),
    ),
    { kind: 'dealing', receiverKey, dealer, dealingsChecked: false, computing: false, shares: new Map() },
    { deal: said, shares },
    [
      { kind: 'publish', utterance: utterance(state, 'deal', said) },
      ...[...shares].map(
        ([to, payload]): KeygenEffect => ({ kind: 'send', to, utterance: utterance(state, 'share', payload) }),
      ),
    ],
  )
}

/** Opens shares as soon as their deals are there, checks all deals together, and makes the key when nothing is missing. */
export function takeDeals(state: KeygenState, phase: Dealing): Transition {
  if (phase.computing) return { state, effects: [] }
  const opened = openShares(state, phase)
  const now: Dealing = { ...phase, shares: opened.shares }
  if (opened.faults.length > 0) return abortForFaults(withPhase(state, now), opened.faults)
  const deals = allOf(state, 'deal')
  if (deals === undefined) return { state: withPhase(state, now), effects: [] }
  const dealings = new Map([...deals].map(([m, h]) => [m, h.value.dealing]))
  if (state.params.members.length > LIMITS.maxKeygenOnLoop) return computeAside(state, now, dealings)
  if (!now.dealingsChecked) {
    const checked = checkDealings(now.dealer, dealings)
    if (!checked.ok)
      return abortForFaults(
        withPhase(state, now),
        [...checked.faults].map(([member, code]) => ({ member, code, wires: wiresOf(state, member, 'deal') })),
      )
  }
  const checked = withPhase(state, { ...now, dealingsChecked: true })
  if (now.shares.size < state.others.length) return { state: checked, effects: [] }
  const combined = combineShares(state.params, state.params.self, now.dealer, dealings, now.shares)
  if (combined.ok) return stage(checked, now, combined.key, deals)
  if (combined.badShares.length === 0) return abort(checked, { kind: 'unusable_key', vanishing: combined.vanishing })
  return abortForFaults(
    checked,
    combined.badShares.map((member) => shareFault(state, now, member, 'bad_share')),
  )
}

/** When all is there, as data; the polynomial stays. */
function computeAside(state: KeygenState, phase: Dealing, others: ReadonlyMap<PublicKey, PublicDealing>): Transition {
  const { params } = state
  if (phase.shares.size < state.others.length) return { state: withPhase(state, phase), effects: [] }
  const own = shareFor(phase.dealer, params.self)
  const shares = concatBytes(...params.members.map((m) => phase.shares.get(m) ?? own))
  zeroize(own)
  const dealings = params.members.map((m) => others.get(m) ?? phase.dealer.dealing)
  const group = { members: params.members, threshold: params.threshold }
  return {
    state: withPhase(state, { ...phase, computing: true }),
    effects: [{ kind: 'compute', material: { group, self: params.self, dealings, shares } }],
  }
}

/** What came of it. */
export function takeKey(state: KeygenState, phase: Dealing, { made, error }: Computed): Transition {
  const deals = allOf(state, 'deal')
  if (!phase.computing || deals === undefined) return { state, effects: [] }
  if (made === undefined)
    return abort(state, { kind: 'internal', error: error ?? new Error('the key could not be computed') })
  switch (made.kind) {
    case 'key':
      return stage(state, phase, made.key, deals)
    case 'bad_dealings':
      return abortForFaults(
        state,
        [...made.faults].map(([member, code]) => ({ member, code, wires: wiresOf(state, member, 'deal') })),
      )
    case 'bad_shares':
      return abortForFaults(
        state,
        made.members.map((member) => shareFault(state, phase, member, 'bad_share')),
      )
    case 'unusable':
      return abort(state, { kind: 'unusable_key', vanishing: made.vanishing })
  }
}

/** R20: on disk before anything is signed about it. */
function stage(
  state: KeygenState,
  phase: Dealing,
  key: KeyPackage,
  deals: ReadonlyMap<PublicKey, Heard<'deal'>>,
): Transition {
  const { params, said, inbox } = state
  const transcript = transcriptOf(
    params,
    params.members.map((m) => inbox.open.get(m)?.payload ?? said.open ?? new Uint8Array()),
    params.members.map((m) => deals.get(m)?.payload ?? said.deal ?? new Uint8Array()),
  )
  destroySecrets(phase)
  return enter(state, { kind: 'persisting', transcript, key }, {}, [{ kind: 'persist', transcript, key }])
}
