import { type PublicKey, unreachable } from '../../base/index.ts'
import { aggregate, isNonceCommitment, type NonceCommitment } from '../../crypto/index.ts'
import { encodeSign } from './codec.ts'
import type { Answer, CoordinatorEvent, CoordinatorState, CoordinatorStep, Phase, Signed } from './coordinator.types.ts'
import { packageHash } from './hashes.ts'
import type { DeclineReason, RoundFacts, SignEffect, SignFailed, SignPackage } from './types.ts'

type Effects = (SignEffect | Signed)[]

export const stepTimerId = (round: string): string => `step/${round}`
export const deadlineTimerId = (round: string): string => `deadline/${round}`

export interface CoordinatorInit extends RoundFacts {
  readonly self: PublicKey
  readonly run: string
  /** Number of the first session: above every one this process gave to this request before. */
  readonly session: number
  /** All sessions together. */
  readonly timeoutMs: number
}

export function openCoordinator(init: CoordinatorInit): CoordinatorStep {
  const { timeoutMs, ...facts } = init
  const state: CoordinatorState = {
    ...facts,
    phase: { kind: 'collecting' },
    late: false,
    answers: new Map(),
    benched: new Set(),
    refused: new Set(),
    cheaters: new Set(),
    lapsed: undefined,
  }
  const deadline: SignEffect = { kind: 'arm', id: deadlineTimerId(init.round), afterMs: timeoutMs }
  return { state, effects: [deadline, ...say(state), armHalfStep(state)] }
}

export function stepCoordinator(state: CoordinatorState, event: CoordinatorEvent): CoordinatorStep {
  if (state.phase.kind === 'ended') return { state, effects: [] }
  switch (event.kind) {
    case 'commit':
      return event.session === state.session && isMember(state, event.member)
        ? answered(state, event.member, { kind: 'commit', commitment: event.commitment, boot: event.boot })
        : { state, effects: [] }
    case 'decline':
      return event.session === state.session && isMember(state, event.member)
        ? answered(state, event.member, { kind: 'decline', reason: event.reason })
        : { state, effects: [] }
    case 'share':
      return shareIn(state, event)
    case 'package_sent':
      return state.phase.kind === 'sharing' && event.session === state.session && state.phase.wire === undefined
        ? { state: { ...state, phase: { ...state.phase, wire: event.wire } }, effects: [] }
        : { state, effects: [] }
    case 'timer':
      return event.timer === 'deadline' ? fail(state, 'TIMEOUT') : stepTimedOut(state)
    case 'end':
      return ended(state, [])
    default:
      return unreachable(event)
  }
}

/** Ends the round with a failure of this node's own doing or need. */
export const fail = (state: CoordinatorState, code: SignFailed['code']): CoordinatorStep =>
  ended(state, [
    {
      kind: 'failed',
      round: state.round,
      code,
      missing: missing(state),
      cheaters: [...state.cheaters],
      declined: declinedIn(state),
    },
  ])

const isMember = (state: CoordinatorState, member: PublicKey): boolean => state.key.verifyingShares.has(member)

function answered(state: CoordinatorState, member: PublicKey, answer: Answer): CoordinatorStep {
  const before = state.answers.get(member)
  const refused = answer.kind === 'decline' && answer.reason === 'refused'
  if (answer.kind === 'commit' && !isNonceCommitment(answer.commitment)) return { state, effects: [] }
  // The first commitment of a session stands: a later one is a duplicate, or of a member that restarted with new nonces.
  if (before?.kind === 'commit' && !(answer.kind === 'commit' && answer.boot > before.boot))
    return { state, effects: [] }
  const next: CoordinatorState = {
    ...state,
    answers: new Map(state.answers).set(member, answer),
    refused: refused ? new Set(state.refused).add(member) : state.refused,
  }
  if (isHopeless(next)) return fail(next, next.refused.size > 0 ? 'REFUSED' : 'TIMEOUT')
  return next.phase.kind === 'collecting' ? choose(next) : { state: next, effects: [] }
}

/** Once t commitments are there, the first t make the package. */
function choose(state: CoordinatorState): CoordinatorStep {
  const chosen = willing(state).slice(0, state.key.threshold)
  if (chosen.length < state.key.threshold) return { state, effects: [] }
  const commitments = new Map(chosen.sort(([a], [b]) => (a < b ? -1 : 1)))
  const p: SignPackage = { run: state.run, request: state.request, commitments }
  const hash = packageHash(state.self, state.session, p)
  const next: CoordinatorState = {
    ...state,
    late: false,
    phase: { kind: 'sharing', package: p, packageHash: hash, wire: undefined, shares: new Map() },
  }
  return { state: next, effects: [...say(next), armHalfStep(next)] }
}

/** Members that committed and may be chosen, in order of arrival. */
function willing(state: CoordinatorState): [PublicKey, NonceCommitment][] {
  const out: [PublicKey, NonceCommitment][] = []
  for (const [member, answer] of state.answers) {
    if (answer.kind !== 'commit' || state.cheaters.has(member) || state.refused.has(member)) continue
    if (state.late || !state.benched.has(member)) out.push([member, answer.commitment])
  }
  return out
}

function shareIn(state: CoordinatorState, event: CoordinatorEvent & { kind: 'share' }): CoordinatorStep {
  const { phase } = state
  // A share over another package, so of another session, is nobody's fault (R26); a second one changes nothing.
  if (
    phase.kind !== 'sharing' ||
    event.packageHash !== phase.packageHash ||
    !phase.package.commitments.has(event.member) ||
    phase.shares.has(event.member)
  )
    return { state, effects: [] }
  const shares = new Map(phase.shares).set(event.member, { share: event.share, wire: event.wire })
  const next: CoordinatorState = { ...state, phase: { ...phase, shares } }
  if (shares.size < state.key.threshold) return { state: next, effects: [] }
  return finish(next, { ...phase, shares })
}

/** Verifies the aggregate, and single shares only if it fails: their authors are out for good, the rest try again at once. */
function finish(state: CoordinatorState, phase: Phase & { kind: 'sharing' }): CoordinatorStep {
  const { digest, tweak } = state.request
  const shares = new Map([...phase.shares].map(([m, s]) => [m, s.share]))
  const made = aggregate(state.key, phase.package.commitments, digest, tweak, shares)
  if (made.ok) return ended(state, [{ kind: 'signed', signature: made.signature }])
  // Nobody to name: not a thing peers can cause. The step's timer goes on, so this can't spin.
  if (made.cheaters.length === 0) return { state, effects: [] }
  const faults = made.cheaters.map((member): SignEffect => {
    const wires = [phase.wire, phase.shares.get(member)?.wire].filter((w) => w !== undefined)
    return { kind: 'fault', code: 'invalid_share', round: state.round, member, wires }
  })
  const next = { ...state, cheaters: new Set([...state.cheaters, ...made.cheaters]), lapsed: [] }
  if (isHopeless(next)) {
    const failed = fail(next, next.refused.size > 0 ? 'REFUSED' : 'TIMEOUT')
    return { state: failed.state, effects: [...faults, ...failed.effects] }
  }
  const again = reopen(next)
  return { state: again.state, effects: [...faults, ...again.effects] }
}

/** The timer fires twice a step: at half of it what may have been lost is said again (R14), at its end the session is over. */
function stepTimedOut(state: CoordinatorState): CoordinatorStep {
  if (!state.late) {
    const late = { ...state, late: true }
    const chosen = late.phase.kind === 'collecting' ? choose(late) : { state: late, effects: [] }
    return chosen.effects.length > 0 ? chosen : { state: late, effects: [...say(late), armHalfStep(late)] }
  }
  const lapsed = owing(state)
  const silent = state.phase.kind === 'sharing' ? unshared(state.phase) : []
  const benched = new Set([...state.benched, ...silent])
  return reopen({ ...state, lapsed, benched })
}

/** The next session, with fresh commitments of everybody (R25). Benched members come back when the others are too few. */
function reopen(state: CoordinatorState): CoordinatorStep {
  const { members, threshold } = state.key
  const unbenched = members.filter((m) => !state.benched.has(m) && !state.cheaters.has(m) && !state.refused.has(m))
  const next: CoordinatorState = {
    ...state,
    session: state.session + 1,
    phase: { kind: 'collecting' },
    late: false,
    answers: new Map(),
    benched: unbenched.length < threshold ? new Set() : state.benched,
  }
  return { state: next, effects: [...say(next), armHalfStep(next)] }
}

/** What this session has to say at this point: the open, or the package. Repeating it is harmless. */
function say(state: CoordinatorState): SignEffect[] {
  const { request, round, session, run } = state
  const head = { kind: 'publish', setHash: request.setHash, round, attempt: session } as const
  switch (state.phase.kind) {
    case 'collecting':
      return [{ ...head, step: 'open', payload: encodeSign('open', { run, request }) }]
    case 'sharing':
      return [{ ...head, step: 'package', payload: encodeSign('package', state.phase.package) }]
    case 'ended':
      return []
  }
}

function armHalfStep(state: CoordinatorState): SignEffect {
  return { kind: 'arm', id: stepTimerId(state.round), afterMs: state.stepTimeoutMs / 2 }
}

function ended(state: CoordinatorState, effects: Effects): CoordinatorStep {
  const disarm = [stepTimerId(state.round), deadlineTimerId(state.round)].map(
    (id): SignEffect => ({ kind: 'disarm', id }),
  )
  return { state: { ...state, phase: { kind: 'ended' } }, effects: [...disarm, ...effects] }
}

/** Fewer than t can ever remain. */
function isHopeless(state: CoordinatorState): boolean {
  const left = state.key.members.filter((m) => !state.refused.has(m) && !state.cheaters.has(m))
  return left.length < state.key.threshold
}

const unshared = (phase: Phase & { kind: 'sharing' }): PublicKey[] =>
  [...phase.package.commitments.keys()].filter((m) => !phase.shares.has(m))

/** Who has yet to say something in this session. */
function owing(state: CoordinatorState): PublicKey[] {
  const silent = state.phase.kind === 'sharing' ? unshared(state.phase) : []
  return state.key.members.filter((m) => !state.answers.has(m) || silent.includes(m))
}

/**
 * Who did not answer in the last session. A session that has just begun says nothing about anybody: then the one before
 * counts. Proven cheaters are named as such, and not here.
 */
function missing(state: CoordinatorState): PublicKey[] {
  const names = state.late || state.lapsed === undefined ? owing(state) : state.lapsed
  return names.filter((m) => !state.cheaters.has(m))
}

function declinedIn(state: CoordinatorState): ReadonlyMap<PublicKey, DeclineReason> {
  const out = new Map<PublicKey, DeclineReason>([...state.refused].map((m) => [m, 'refused']))
  for (const [member, answer] of state.answers) if (answer.kind === 'decline') out.set(member, answer.reason)
  return out
}
