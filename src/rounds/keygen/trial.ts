import { equalBytes, fromHex, LIMITS, type PublicKey } from '../../base/index.ts'
import {
  aggregate,
  commitNonces,
  type NonceCommitment,
  signShare,
  type Tweak,
  verifyShare,
} from '../../crypto/index.ts'
import { curve } from '../../curve/index.ts'
import { abort, abortForFaults } from './abort.ts'
import { encodeCertificate, encodeKeygen } from './codec.ts'
import { confirmationOf, contradictions } from './confirm.ts'
import { trialDigestOf, trialPackageHash } from './hashes.ts'
import {
  allOf,
  enter,
  type Heard,
  type KeygenState,
  type Phase,
  type Transition,
  type TrialPackage,
  utterance,
  withPhase,
} from './state.ts'
import { MAX_TRIAL_TURNS } from './steps.ts'
import type { KeygenResult } from './types.ts'

type In<K extends Phase['kind']> = Extract<Phase, { kind: K }>
const UNTWEAKED: Tweak = { kind: 'none' }

/** All n certified this transcript, and that is on disk: everyone's share goes into one signature (R22). */
export function beginTrial(state: KeygenState, { transcript, key, nonces }: In<'committing'>): Transition {
  const digest = trialDigestOf(state.params.pendingId, transcript, state.params.epoch)
  const phase: Phase = { kind: 'trying', transcript, key, digest, nonces, signed: undefined }
  return state.turn === 0 ? enter(state, phase, {}, []) : commitAnew({ ...state, phase }, phase)
}

/**
 * Goes to a turn of the trial whose nonces are all fresh: a member restarted, and the pair that it had committed to is dead.
 * The digest stays (R22): what is signed once more is the same, under other nonces, and no pair is ever used twice (R25).
 * Before the trial it only notes which turn the others have reached.
 */
export function enterTurn(state: KeygenState, turn: number): Transition {
  if (turn > MAX_TRIAL_TURNS)
    return abort(state, { kind: 'internal', error: new Error('members restarted too often in the trial') })
  const inbox = { ...state.inbox, commit: new Map(), trial: new Map() }
  const said = { ...state.said, commit: undefined, trial: undefined }
  const next = { ...state, turn, inbox, said, ownCommitWire: undefined }
  return state.phase.kind === 'trying' ? commitAnew(next, state.phase) : { state: next, effects: [] }
}

function commitAnew(state: KeygenState, phase: In<'trying'>): Transition {
  phase.nonces.destroy()
  const { transcript, key } = phase
  const { nonces, commitment } = commitNonces(key)
  const said = encodeKeygen('commit', confirmationOf(transcript, key, commitment))
  return enter(state, { ...phase, nonces, signed: undefined }, { commit: said }, [
    { kind: 'publish', utterance: utterance(state, 'commit', said) },
  ])
}

/** As far as what was heard of this turn allows. */
export function advanceTrial(
  state: KeygenState,
  phase: In<'trying'>,
  ownConfirmWire: Uint8Array,
): Transition | undefined {
  const { transcript, key } = phase
  // Whoever restarted has confirmed anew, and each commitment names the key once more: a share is judged by its author's word for it.
  const faults = [state.inbox.confirm, state.inbox.commit].flatMap((heard) => contradictions(transcript, key, heard))
  if (faults.length > 0) return abortForFaults(state, faults)
  if (phase.signed !== undefined) return judge(state, phase, phase.signed, ownConfirmWire)
  const commits: ReadonlyMap<PublicKey, Heard<'confirm' | 'commit'>> | undefined = allOf(
    state,
    state.turn === 0 ? 'confirm' : 'commit',
  )
  if (commits === undefined) return undefined
  const signed = sign(state, phase, commits)
  const said = encodeKeygen('trial', { share: signed.ownShare, packageHash: signed.packageHash })
  const now: In<'trying'> = { ...phase, signed }
  const next = enter(state, now, { trial: said }, [{ kind: 'publish', utterance: utterance(state, 'trial', said) }])
  const judged = judge(next.state, now, signed, ownConfirmWire)
  return judged === undefined ? next : { state: judged.state, effects: [...next.effects, ...judged.effects] }
}

function sign(
  { params }: KeygenState,
  { key, digest, nonces }: In<'trying'>,
  commits: ReadonlyMap<PublicKey, Heard<'confirm' | 'commit'>>,
): TrialPackage {
  const commitments: ReadonlyMap<PublicKey, NonceCommitment> = new Map(
    params.members.map((m) => [m, commits.get(m)?.value.commitment ?? nonces.commitment] as const),
  )
  const ownShare = signShare(key, nonces, commitments, digest, UNTWEAKED)
  const packageHash = trialPackageHash(params.members, digest, commitments)
  return { commitments, packageHash, ownShare, wires: [...commits.values()].map((h) => h.wire) }
}

/**
 * Every share singly, because errors can cancel out in the sum (R22); then the sum, which proves our own. A share of another
 * package proves nothing against its author (R26): a member restarted, or confirmed two things, and who it was this node can't
 * tell. The next turn can. Judged only when all are in, since until then the second confirm may still come and name its author.
 */
function judge(
  state: KeygenState,
  { key, transcript, digest }: In<'trying'>,
  { commitments, packageHash, ownShare, wires }: TrialPackage,
  ownConfirmWire: Uint8Array,
): Transition | undefined {
  const trials = allOf(state, 'trial')
  if (trials === undefined) return undefined
  const heard = [...trials].map(([member, h]) => ({ member, wire: h.wire, ...h.value }))
  const others = heard.filter((t) => !equalBytes(t.packageHash, packageHash))
  const bad = heard.filter(
    (t) => !others.includes(t) && !verifyShare(key.public, commitments, digest, UNTWEAKED, t.member, t.share),
  )
  if (bad.length > 0) {
    const ownWire = state.turn === 0 ? ownConfirmWire : state.ownCommitWire
    // Shown without our own commitment it would prove nothing. It is on its way.
    if (ownWire === undefined) return undefined
    return abortForFaults(
      state,
      bad.map(({ member, wire }) => ({
        member,
        code: 'bad_trial_share',
        wires: [wire, ownWire, ...wires],
        commitments: key.public.commitments,
      })),
    )
  }
  if (others.length > 0) return enterTurn(state, state.turn + 1)
  const shares = new Map(state.params.members.map((m) => [m, trials.get(m)?.value.share ?? ownShare] as const))
  const made = aggregate(key.public, commitments, digest, UNTWEAKED, shares)
  if (!made.ok || !curve.schnorrVerify(made.signature, digest, fromHex(key.public.groupKey)))
    return abort(state, { kind: 'internal', error: new Error('own trial share does not verify') })
  const certificate = encodeCertificate(
    state.params.members.map((m) => state.inbox.confirm.get(m)?.wire ?? ownConfirmWire),
  )
  return finish(state, { key, transcript, certificate, trialDigest: digest, trialSignature: made.signature })
}

const finish = (state: KeygenState, result: KeygenResult): Transition => ({
  state: withPhase(state, { kind: 'done' }),
  effects: [
    { kind: 'done', result },
    // Others may still miss our last words; how long, nobody can know.
    { kind: 'arm', name: 'step', delayMs: LIMITS.keygenStepTimeoutMs },
  ],
})
