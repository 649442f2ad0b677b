import { equalBytes, fromHex, LIMITS, type PublicKey } from '../../base/index.ts'
import { aggregate, aggregatePublicKey, commitNonces, signShare, type Tweak, verifyShare } from '../../crypto/index.ts'
import { curve } from '../../curve/index.ts'
import { abort, abortForFaults } from './abort.ts'
import { encodeCertificate, encodeKeygen } from './codec.ts'
import { commitmentsHash, trialDigestOf, trialPackageHash } from './hashes.ts'
import {
  enter,
  type Heard,
  type KeygenState,
  type Phase,
  type Transition,
  utterance,
  wiresOf,
  withPhase,
} from './state.ts'

type In<K extends Phase['kind']> = Extract<Phase, { kind: K }>
const UNTWEAKED: Tweak = { kind: 'none' }

/** R20: the staged share is on disk, so this node may sign that it holds it. */
export function confirm(state: KeygenState, { transcript, key }: In<'persisting'>): Transition {
  const { nonces, commitment } = commitNonces(key)
  const said = encodeKeygen('confirm', {
    transcript,
    aggregateKey: aggregatePublicKey(key.public),
    commitment,
    commitmentsHash: commitmentsHash(key.public.commitments),
  })
  return enter(state, { kind: 'confirming', transcript, key, nonces }, { confirm: said }, [
    { kind: 'publish', utterance: utterance(state, 'confirm', said) },
  ])
}

/** Ends the attempt as soon as one member certifies something else. */
export function compareConfirms(state: KeygenState, { transcript, key }: In<'confirming'>): Transition | undefined {
  const confirms = [...state.inbox.confirm]
  const others = confirms.filter(([, h]) => h.value.transcript !== transcript)
  if (others.length > 0)
    return abort(state, {
      kind: 'transcript_mismatch',
      members: others.map(([m]) => m),
      wires: others.map(([, h]) => h.wire),
    })
  // The key is a function of the transcript: this one contradicts itself.
  const hash = commitmentsHash(key.public.commitments)
  const liars = confirms.filter(
    ([, { value: v }]) => v.aggregateKey !== aggregatePublicKey(key.public) || !equalBytes(v.commitmentsHash, hash),
  )
  if (liars.length === 0) return undefined
  return abortForFaults(
    state,
    liars.map(([member, h]) => ({ member, code: 'transcript_mismatch', wires: [h.wire] })),
  )
}

/** All n certified this transcript: everyone's share goes into one signature (R22). */
export function tryKey(
  state: KeygenState,
  phase: In<'confirming'>,
  confirms: ReadonlyMap<PublicKey, Heard<'confirm'>>,
): Transition {
  const { params } = state
  const { transcript, key, nonces } = phase
  const digest = trialDigestOf(params.pendingId, transcript, params.epoch)
  const commitments = new Map(
    params.members.map((m) => [m, confirms.get(m)?.value.commitment ?? nonces.commitment] as const),
  )
  const ownShare = signShare(key, nonces, commitments, digest, UNTWEAKED)
  const packageHash = trialPackageHash(params.members, digest, commitments)
  const said = encodeKeygen('trial', { share: ownShare, packageHash })
  return enter(
    state,
    { kind: 'trying', transcript, key, digest, commitments, packageHash, ownShare },
    { trial: said },
    [{ kind: 'publish', utterance: utterance(state, 'trial', said) }],
  )
}

/**
 * Every share singly, because errors can cancel out in the sum (R22); then the sum, which proves our own. A share of another
 * package proves nothing against its author (R26): somebody confirmed two things, and who it was this node can't tell. Judged
 * only when all are in, since until then the second confirm may still come and name its author.
 */
export function judgeTrial(
  state: KeygenState,
  phase: In<'trying'>,
  trials: ReadonlyMap<PublicKey, Heard<'trial'>>,
  ownConfirmWire: Uint8Array,
): Transition {
  const { transcript, key, digest, commitments, packageHash, ownShare } = phase
  const packageWires = [ownConfirmWire, ...state.others.flatMap((m) => wiresOf(state, m, 'confirm'))]
  const heard = state.others.flatMap((member) => {
    const h = trials.get(member)
    return h === undefined ? [] : [{ member, wire: h.wire, ...h.value }]
  })
  const others = heard.filter((t) => !equalBytes(t.packageHash, packageHash))
  const bad = heard.filter(
    (t) => !others.includes(t) && !verifyShare(key.public, commitments, digest, UNTWEAKED, t.member, t.share),
  )
  if (bad.length > 0)
    return abortForFaults(
      state,
      bad.map(({ member, wire }) => ({
        member,
        code: 'bad_trial_share',
        wires: [wire, ...packageWires],
        commitments: key.public.commitments,
      })),
    )
  if (others.length > 0)
    return abort(state, {
      kind: 'transcript_mismatch',
      members: others.map((t) => t.member),
      wires: [...others.map((t) => t.wire), ...packageWires],
    })
  const shares = new Map(state.params.members.map((m) => [m, trials.get(m)?.value.share ?? ownShare] as const))
  const made = aggregate(key.public, commitments, digest, UNTWEAKED, shares)
  if (!made.ok || !curve.schnorrVerify(made.signature, digest, fromHex(key.public.groupKey)))
    return abort(state, { kind: 'internal', error: new Error('own trial share does not verify') })
  const certificate = encodeCertificate(
    state.params.members.map((m) => state.inbox.confirm.get(m)?.wire ?? ownConfirmWire),
  )
  return {
    state: withPhase(state, { kind: 'done' }),
    effects: [
      { kind: 'done', result: { key, transcript, certificate, trialDigest: digest, trialSignature: made.signature } },
      // Others may still miss our last words; how long, nobody can know.
      { kind: 'arm', name: 'step', delayMs: LIMITS.keygenStepTimeoutMs },
    ],
  }
}
