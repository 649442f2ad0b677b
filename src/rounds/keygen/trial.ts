import { equalBytes, fromHex, LIMITS, type PublicKey } from '../../base/index.ts'
import { aggregate, type NonceCommitment, signShare, type Tweak, verifyShare } from '../../crypto/index.ts'
import { curve } from '../../curve/index.ts'
import { abort, abortForFaults } from './abort.ts'
import { encodeCertificate, encodeKeygen } from './codec.ts'
import { contradictions } from './confirm.ts'
import { trialDigestOf, trialPackageHash } from './hashes.ts'
import {
  allOf,
  enter,
  type Heard,
  type KeygenState,
  type Phase,
  stayed,
  type Transition,
  type TrialPackage,
  utterance,
  withPhase,
} from './state.ts'
import { FIRST_TURN, type KeygenStep } from './steps.ts'
import { enterTurn, turnOf, turnToEnter } from './turns.ts'
import type { KeygenEffect, KeygenResult } from './types.ts'

type In<K extends Phase['kind']> = Extract<Phase, { kind: K }>
type Commits = ReadonlyMap<PublicKey, Heard<'confirm' | 'commit'>>
const UNTWEAKED: Tweak = { kind: 'none' }

/** All n certified this transcript, and that is on disk: everyone's share goes into one signature (R22). */
export function beginTrial(state: KeygenState, { transcript, key, nonces }: In<'committing'>): Transition {
  const digest = trialDigestOf(state.params.pendingId, transcript, state.params.epoch)
  const phase: Phase = { kind: 'trying', transcript, key, digest, nonces, signed: undefined }
  return enter(state, phase, {}, [])
}

/** As far as what was heard allows, into the next turn if there is reason for one. */
export function advanceTrial(
  state: KeygenState,
  phase: In<'trying'>,
  ownConfirmWire: Uint8Array,
): Transition | undefined {
  const turn = turnToEnter(state, phase)
  return turn === undefined
    ? advanceTurn(state, phase, ownConfirmWire)
    : advanceInto(turn, state, phase, ownConfirmWire)
}

function advanceInto(turn: string, state: KeygenState, phase: In<'trying'>, ownConfirmWire: Uint8Array): Transition {
  const entered = enterTurn(state, phase, turn)
  const now = entered.state.phase
  const next = now.kind === 'trying' ? advanceTurn(entered.state, now, ownConfirmWire) : undefined
  return next === undefined ? entered : { state: next.state, effects: [...entered.effects, ...next.effects] }
}

function advanceTurn(state: KeygenState, phase: In<'trying'>, ownConfirmWire: Uint8Array): Transition | undefined {
  const { transcript, key } = phase
  // Whoever restarted has confirmed anew, and each commitment names the key once more: a share is judged by its author's word for it.
  const faults = [state.inbox.confirm, state.inbox.commit].flatMap((heard) => contradictions(transcript, key, heard))
  if (faults.length > 0) return abortForFaults(state, faults)
  if (phase.signed !== undefined) return judge(state, phase, phase.signed, ownConfirmWire)
  const isFirst = state.turn === FIRST_TURN
  const commits: Commits | undefined = allOf(state, isFirst ? 'confirm' : 'commit')
  // What was confirmed in an earlier life certifies still, but its nonce pair is dead.
  if (commits === undefined || [...commits].some(([m, h]) => h.boot !== state.boots.get(m))) return undefined
  const signed = sign(state, phase, commits)
  const said = encodeKeygen('trial', { share: signed.ownShare, packageHash: signed.packageHash })
  const now: In<'trying'> = { ...phase, signed }
  const publish: KeygenEffect = { kind: 'publish', utterance: utterance(state, 'trial', said) }
  const next = isFirst
    ? enter(state, now, { trial: said }, [publish])
    : { state: { ...withPhase(state, now), said: { ...state.said, trial: said } }, effects: [publish] }
  const judged = judge(next.state, now, signed, ownConfirmWire)
  return judged === undefined ? next : { state: judged.state, effects: [...next.effects, ...judged.effects] }
}

function sign(state: KeygenState, { key, digest, nonces }: In<'trying'>, commits: Commits): TrialPackage {
  const { params } = state
  const commitments: ReadonlyMap<PublicKey, NonceCommitment> = new Map(
    params.members.map((m) => [m, commits.get(m)?.value.commitment ?? nonces.commitment] as const),
  )
  const ownShare = signShare(key, nonces, commitments, digest, UNTWEAKED)
  const packageHash = trialPackageHash(params.members, digest, commitments)
  const wires = [...commits.values()].map((h) => h.wire)
  return { commitments, packageHash, ownShare, wires, turn: turnOf(state) }
}

/**
 * Every share singly, because errors can cancel out in the sum (R22); then the sum, which proves our own. A share of another
 * package proves nothing against its author (R26): a member restarted, or confirmed two things, and who it was this node can't
 * tell. From the first turn all go to the next, where honest members can't differ; there it is waited for. Judged only when all are in, since until then the second confirm may still come and name its author.
 */
function judge(
  state: KeygenState,
  phase: In<'trying'>,
  { commitments, packageHash, ownShare, wires }: TrialPackage,
  ownConfirmWire: Uint8Array,
): Transition | undefined {
  const { key, transcript, digest } = phase
  const trials = allOf(state, 'trial')
  if (trials === undefined) return undefined
  const heard = [...trials].map(([member, h]) => ({ member, wire: h.wire, ...h.value }))
  const others = heard.filter((t) => !equalBytes(t.packageHash, packageHash))
  const bad = heard.filter(
    (t) => !others.includes(t) && !verifyShare(key.public, commitments, digest, UNTWEAKED, t.member, t.share),
  )
  if (bad.length > 0) {
    const ownWire = state.turn === FIRST_TURN ? ownConfirmWire : state.ownCommitWire
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
  if (others.length > 0) {
    const next = turnOf(state)
    if (next === undefined || state.turn !== FIRST_TURN) return undefined
    return advanceInto(next, state, phase, ownConfirmWire)
  }
  const shares = new Map(state.params.members.map((m) => [m, trials.get(m)?.value.share ?? ownShare] as const))
  const made = aggregate(key.public, commitments, digest, UNTWEAKED, shares)
  if (!made.ok || !curve.schnorrVerify(made.signature, digest, fromHex(key.public.groupKey)))
    return abort(state, { kind: 'internal', error: new Error('own trial share does not verify') })
  const certificate = encodeCertificate(
    state.params.members.map((m) => state.inbox.confirm.get(m)?.wire ?? ownConfirmWire),
  )
  return finish(state, { key, transcript, certificate, trialDigest: digest, trialSignature: made.signature })
}

/**
 * The time of a step is over in the trial. While somebody restarts, everybody else only just had its turn, so the one who restarts
 * is told; else who has not said its word, or tried something else.
 */
export function waitInTrial(state: KeygenState, { signed }: In<'trying'>): Transition {
  const step: KeygenStep = signed === undefined ? 'commit' : 'trial'
  const restarts = [...state.restless].map((member) => ({ member, times: state.restarts.get(member) ?? 0 }))
  if (restarts.length > 0)
    return stayed({ ...state, restless: new Set() }, { kind: 'late', step, missing: [], restarts })
  const isMissing = (m: PublicKey) => {
    const hash = state.inbox.trial.get(m)?.value.packageHash
    return signed === undefined ? !state.inbox.commit.has(m) : !hash || !equalBytes(hash, signed.packageHash)
  }
  return stayed(state, { kind: 'late', step, missing: state.others.filter(isMissing) })
}

const finish = (state: KeygenState, result: KeygenResult): Transition => ({
  state: withPhase(state, { kind: 'done' }),
  effects: [
    { kind: 'done', result },
    // Others may still miss our last words; how long, nobody can know.
    { kind: 'arm', name: 'step', delayMs: LIMITS.keygenStepTimeoutMs },
  ],
})
