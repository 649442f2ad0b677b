import { type PublicKey, unreachable } from '../../base/index.ts'
import { encodeSign } from './codec.ts'
import type {
  CoordinatorEvent,
  CoordinatorState,
  CoordinatorStep,
  Ended,
  Member,
  Session,
  Standing,
} from './coordinator.types.ts'
import { packageHash } from './hashes.ts'
import { findCheaters, shareFault, signaturesOf } from './shares.ts'
import type { DeclineReason, RoundFacts, SignEffect } from './types.ts'

const RESPONSIVE: Standing = { at: 'responsive' }
const FRESH: Member = { standing: RESPONSIVE, heardAt: 0, excused: false }

/**
 * ROAST (Ruffing et al. 2022): whenever t responsive members have unused pairs, a session with exactly those.
 * `likeliest`: all members, the one that answered last in other rounds first.
 */
export function openCoordinator(
  facts: RoundFacts & { readonly self: PublicKey },
  likeliest: readonly PublicKey[],
): CoordinatorState {
  const members = new Map(likeliest.map((m, i) => [m, { ...FRESH, heardAt: -i }]))
  return { ...facts, members, sessions: [], failedSessions: 0, events: 0, isOver: false }
}

export function stepCoordinator(state: CoordinatorState, event: CoordinatorEvent): CoordinatorStep {
  if (state.isOver) return still(state)
  switch (event.kind) {
    case 'ready':
      return still(ready(state, event.member))
    case 'restarted':
      return restarted(state, event.member)
    case 'cheated':
      return still(cheated(state, [event.member]))
    case 'open':
      return opened(state, event)
    case 'sent':
      return still(withSession(state, event.session, (s) => ({ ...s, wire: s.wire ?? event.wire })))
    case 'share':
      return shareIn(state, event)
    case 'decline':
      return declined(state, event)
    case 'resend':
      return { state, effects: state.sessions.flatMap((s) => sendPackage(state, s, owing(state, s))) }
    default:
      return unreachable(event)
  }
}

/**
 * The next session's members, if t responsive ones have enough pairs (`hasPairs`): the most recently heard first, and those
 * known to be `ready` before others. Whoever has given a share that no signature has proven yet is proven first, so that a
 * cheater never spoils two sessions: that may name it (`effects`).
 */
export function choose(
  state: CoordinatorState,
  isCandidate: (member: PublicKey) => boolean,
  hasPairs: (member: PublicKey) => boolean,
): CoordinatorStep & { readonly chosen: readonly PublicKey[] | undefined } {
  const { threshold } = state.key
  const none = { state, effects: [], chosen: undefined }
  if (state.isOver || state.sessions.length + state.failedSessions >= maxSessions(state)) return none
  const able = candidates(state, isCandidate).filter(hasPairs)
  if (able.length < threshold) return none
  const chosen = able.slice(0, threshold)
  const proven = prove(state, chosen)
  if (proven.effects.length > 0) {
    const next = choose(proven.state, isCandidate, hasPairs)
    return { ...next, effects: [...proven.effects, ...next.effects] }
  }
  return { state: proven.state, effects: [], chosen: chosen.sort() }
}

/** Members that may be chosen now but for their pairs, the likeliest to answer first. */
export function candidates(state: CoordinatorState, isCandidate: (member: PublicKey) => boolean): PublicKey[] {
  return [...state.members]
    .filter(([m, { standing }]) => standing.at === 'responsive' && isCandidate(m))
    .sort(([a, x], [b, y]) => Number(b === state.self) - Number(a === state.self) || y.heardAt - x.heardAt)
    .map(([m]) => m)
}

/** ROAST's bound: each session that fails costs a member of the n − t that may be faulty; each may be excused once. */
const maxSessions = ({ key, members }: CoordinatorState): number => {
  const excused = [...members.values()].filter((m) => m.excused).length
  return key.members.length - key.threshold + 1 + excused
}

/** Fewer than t can ever remain: nobody can sign this. */
export function isHopeless({ key, members }: CoordinatorState): boolean {
  const left = [...members.values()].filter(
    ({ standing }) => standing.at !== 'out' || standing.why === 'unreliable',
  ).length
  return left < key.threshold
}

/** Who owes a share. */
export const busyMembers = (state: CoordinatorState): PublicKey[] =>
  [...state.members].filter(([, m]) => m.standing.at === 'busy').map(([m]) => m)
export const membersOut = (state: CoordinatorState, why: 'refused' | 'cheated' | 'unreliable'): PublicKey[] =>
  [...state.members].filter(([, { standing: s }]) => s.at === 'out' && s.why === why).map(([m]) => m)
export function declinedIn(state: CoordinatorState): Map<PublicKey, DeclineReason> {
  const out = new Map<PublicKey, DeclineReason>(membersOut(state, 'refused').map((m) => [m, 'refused']))
  for (const [m, { standing }] of state.members) if (standing.at === 'waiting') out.set(m, standing.reason)
  return out
}

function ready(state: CoordinatorState, member: PublicKey): CoordinatorState {
  const known = state.members.get(member)
  if (known === undefined) return state
  return heard(state, member, known.standing.at === 'waiting' ? RESPONSIVE : known.standing)
}

function restarted(state: CoordinatorState, member: PublicKey): CoordinatorStep {
  const standing = state.members.get(member)?.standing
  return standing?.at === 'busy' ? spoiled(state, member, standing.session, RESPONSIVE) : still(state)
}

function opened(state: CoordinatorState, event: CoordinatorEvent & { kind: 'open' }): CoordinatorStep {
  const p = { request: state.request, entries: event.entries }
  const session: Session = {
    number: event.session,
    package: p,
    packageHash: packageHash(state.self, event.session, p),
    payload: encodeSign('package', p),
    wire: undefined,
    shares: new Map(),
  }
  const members = new Map(state.members)
  for (const member of event.entries.keys()) {
    const known = members.get(member)
    if (known !== undefined) members.set(member, { ...known, standing: { at: 'busy', session: event.session } })
  }
  const next = { ...state, members, sessions: [...state.sessions, session] }
  return { state: next, effects: sendPackage(next, session, [...event.entries.keys()]) }
}

function shareIn(state: CoordinatorState, event: CoordinatorEvent & { kind: 'share' }): CoordinatorStep {
  const session = state.sessions.find((s) => s.packageHash === event.packageHash)
  // A share over another package, so of another session, is nobody's fault (R26); a second one changes nothing.
  if (session === undefined || !session.package.entries.has(event.member) || session.shares.has(event.member))
    return still(state)
  if (event.shares.length !== state.request.items.length)
    return blame(state, session, [[event.member, event.wire]], 'some')
  const shareOf = { shares: event.shares, wire: event.wire, isProven: false }
  const shares = new Map(session.shares).set(event.member, shareOf)
  const whole = { ...session, shares }
  const standing = state.members.get(event.member)?.standing
  const isOurs = standing?.at === 'busy' && standing.session === session.number
  const next = heard(
    withSession(state, session.number, () => whole),
    event.member,
    isOurs ? RESPONSIVE : standing,
  )
  return shares.size < state.key.threshold ? still(next) : finish(next, whole)
}

/** Verifies the signatures, and single shares only if one fails: their authors are out for good. */
function finish(state: CoordinatorState, session: Session): CoordinatorStep {
  const signatures = signaturesOf(state.key, session)
  if (signatures !== undefined) {
    const others = state.sessions.filter((s) => s.number !== session.number)
    return {
      state: { ...state, sessions: [], isOver: true },
      effects: [...others.map((s) => ended(s)), { kind: 'signed', signatures }],
    }
  }
  const cheaters = findCheaters(state.key, session, [...session.shares.keys()])
  // Nobody to name: not a thing peers can cause. The session is given up, and counts, so this can't spin.
  if (cheaters.length === 0) return still(without(state, session.number))
  return blame(state, session, cheaters, 'whole')
}

/** Checks shares of open sessions singly, of members that are about to be chosen for another one. */
function prove(state: CoordinatorState, members: readonly PublicKey[]): CoordinatorStep {
  let next = state
  for (const session of state.sessions) {
    const unproven = members.filter((m) => session.shares.get(m)?.isProven === false)
    if (unproven.length === 0) continue
    const cheaters = findCheaters(state.key, session, unproven)
    if (cheaters.length > 0) return blame(next, session, cheaters, 'some')
    const shares = new Map(session.shares)
    for (const m of unproven) {
      const known = shares.get(m)
      if (known !== undefined) shares.set(m, { ...known, isProven: true })
    }
    next = withSession(next, session.number, (s) => ({ ...s, shares }))
  }
  return still(next)
}

/** `whole`: every share of the session was checked; else the others are looked at when nobody waits for it (`ended`). */
function blame(
  state: CoordinatorState,
  session: Session,
  cheaters: readonly (readonly [PublicKey, Uint8Array])[],
  checked: 'whole' | 'some',
): CoordinatorStep {
  const faults = cheaters.map(([member, wire]) => shareFault(state, session, member, wire))
  const out = cheated(
    state,
    cheaters.map(([member]) => member),
  )
  const named = new Set(cheaters.map(([member]) => member))
  const rest = checked === 'whole' ? [] : [ended(session, named)]
  return { state: without(out, session.number), effects: [...faults, ...rest] }
}

function cheated(state: CoordinatorState, cheaters: readonly PublicKey[]): CoordinatorState {
  const members = new Map(state.members)
  for (const member of cheaters) {
    const known = members.get(member)
    if (known !== undefined) members.set(member, { ...known, standing: { at: 'out', why: 'cheated' } })
  }
  return { ...state, members }
}

function declined(state: CoordinatorState, event: CoordinatorEvent & { kind: 'decline' }): CoordinatorStep {
  const { member, session, reason } = event
  const known = state.members.get(member)
  if (known === undefined || known.standing.at === 'out') return still(state)
  const isOfSession = known.standing.at === 'busy' && known.standing.session === session
  const after: Standing =
    reason === 'refused'
      ? { at: 'out', why: 'refused' }
      : reason === 'unknown_nonce'
        ? RESPONSIVE
        : { at: 'waiting', reason }
  if (isOfSession) return spoiled(state, member, session, after)
  // Said to the request, not to a package; one that owes a share or was heard to be ready since is not taken back for it.
  if (session !== 0 || known.standing.at === 'busy') return still(state)
  return still(reason === 'refused' || known.heardAt <= 0 ? heard(state, member, after) : state)
}

/** The member will not answer this session, so the session can't end. Once a round that is nobody's fault. */
function spoiled(state: CoordinatorState, member: PublicKey, number: number, after: Standing): CoordinatorStep {
  const known = state.members.get(member) ?? FRESH
  const standing: Standing = known.excused && after.at !== 'out' ? { at: 'out', why: 'unreliable' } : after
  const next = heard(without(state, number), member, standing)
  const members = new Map(next.members)
  members.set(member, { ...(members.get(member) ?? FRESH), excused: true })
  const gone = state.sessions.filter((s) => s.number === number)
  return { state: { ...next, members }, effects: gone.map((s) => ended(s)) }
}

function heard(state: CoordinatorState, member: PublicKey, standing: Standing = RESPONSIVE): CoordinatorState {
  const events = state.events + 1
  const known = state.members.get(member)
  if (known === undefined) return state
  return { ...state, events, members: new Map(state.members).set(member, { ...known, standing, heardAt: events }) }
}

/**
 * A session that can't end. Those who still owe it a share owe it nothing more: they were not late, and may be chosen again.
 */
function without(state: CoordinatorState, session: number): CoordinatorState {
  const members = new Map(state.members)
  for (const [m, known] of members)
    if (known.standing.at === 'busy' && known.standing.session === session)
      members.set(m, { ...known, standing: RESPONSIVE })
  return {
    ...state,
    members,
    sessions: state.sessions.filter((s) => s.number !== session),
    failedSessions: state.failedSessions + 1,
  }
}

const withSession = (state: CoordinatorState, number: number, change: (s: Session) => Session): CoordinatorState => ({
  ...state,
  sessions: state.sessions.map((s) => (s.number === number ? change(s) : s)),
})

const owing = (state: CoordinatorState, { number }: Session): PublicKey[] =>
  [...state.members].filter(([, { standing: s }]) => s.at === 'busy' && s.session === number).map(([m]) => m)

/** To those who owe a share. Repeating it is harmless: the same package gets the same bytes (R25). */
function sendPackage(state: CoordinatorState, s: Session, to: readonly PublicKey[]): SignEffect[] {
  if (to.length === 0) return []
  const { round, request } = state
  return [{ kind: 'send', to, setHash: request.setHash, round, attempt: s.number, step: 'package', payload: s.payload }]
}

const ended = (session: Session, named: ReadonlySet<PublicKey> = NOBODY): Ended => ({ kind: 'ended', session, named })
const NOBODY: ReadonlySet<PublicKey> = new Set()

const still = (state: CoordinatorState): CoordinatorStep => ({ state, effects: [] })
