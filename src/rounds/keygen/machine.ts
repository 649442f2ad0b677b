import { unreachable } from '../../base/index.ts'
import { abort } from './abort.ts'
import { overtaken, sayCertified, takeCertified } from './certified.ts'
import { commit, compareConfirms, confirm } from './confirm.ts'
import { deal, open, takeDeals, takeKey } from './dealing.ts'
import { receive } from './receive.ts'
import { resend } from './resend.ts'
import { allOf, type KeygenState, stayed, type Transition, waitingFor, without } from './state.ts'
import { stepName } from './steps.ts'
import { advanceTrial, beginTrial, waitInTrial } from './trial.ts'
import type { KeygenEvent, KeygenTimer } from './types.ts'

/**
 * Keygen as one member (docs/ROUNDS.md, R18–R22): what happened in, what is to be done out. Does no I/O and never throws;
 * whatever peers say ends at worst in the effect `aborted`.
 */
export function keygenStep(state: KeygenState, event: KeygenEvent): Transition {
  if (state.phase.kind === 'aborted') return { state, effects: [] }
  try {
    return advanced(apply(state, event))
  } catch (error) {
    return abort(state, { kind: 'internal', error })
  }
}

function apply(state: KeygenState, event: KeygenEvent): Transition {
  const { phase } = state
  switch (event.kind) {
    case 'start':
      return phase.kind === 'idle' ? open(state) : { state, effects: [] }
    case 'resume':
      return phase.kind === 'idle'
        ? confirm({ ...state, certified: event.certified }, event.transcript, event.key)
        : { state, effects: [] }
    case 'message':
      return receive(state, event)
    case 'overtaken':
      return overtaken(state, event)
    case 'certified':
      return takeCertified(state, event)
    case 'published':
      return { state: withOwnWire(state, event), effects: [] }
    case 'persisted':
      return phase.kind === 'persisting' && phase.transcript === event.transcript
        ? confirm(state, phase.transcript, phase.key)
        : { state, effects: [] }
    case 'not_persisted':
      return phase.kind === 'persisting' && phase.transcript === event.transcript
        ? abort(state, { kind: 'disk', error: event.error })
        : { state, effects: [] }
    case 'computed':
      return phase.kind === 'dealing' ? takeKey(state, phase, event) : { state, effects: [] }
    case 'committed':
      return phase.kind === 'committing' && phase.transcript === event.transcript
        ? beginTrial(state, phase)
        : { state, effects: [] }
    case 'timer':
      return onTimer(state, event.name)
    default:
      return unreachable(event)
  }
}

/** Keeps the first envelope of what others have to see beside their own words. */
function withOwnWire(state: KeygenState, event: Extract<KeygenEvent, { kind: 'published' }>): KeygenState {
  const { ownConfirmWire = event.wire, ownCommitWire = event.wire } = state
  const left: KeygenState = { ...state, ownBoot: event.boot }
  if (event.step === 'confirm') return { ...left, ownConfirmWire }
  return event.step === stepName('commit', state.turn) ? { ...left, ownCommitWire } : left
}

function onTimer(state: KeygenState, name: KeygenTimer): Transition {
  const { phase } = state
  if (phase.kind === 'left') return { state, effects: [] }
  if (name === 'resend') return resend({ ...state, isTurnDue: true })
  if (phase.kind === 'done') return { state, effects: [{ kind: 'disarm', name: 'resend' }] }
  if (phase.kind === 'persisting')
    return abort(state, { kind: 'internal', error: new Error('the staged share was not on disk in time') })
  if (phase.kind === 'dealing' && phase.computing)
    return abort(state, { kind: 'internal', error: new Error('the key was not computed in time') })
  if (phase.kind === 'trying') {
    // Whoever says nothing may lack a confirm that its author said to others only.
    const waited = waitInTrial(state, phase)
    const said = sayCertified(waited.state)
    return { state: said.state, effects: [...waited.effects, ...said.effects] }
  }
  const steps = waitingFor(phase)
  const step = steps.find((s) => without(state, s).length > 0) ?? steps[0]
  if (step === undefined) return { state, effects: [] }
  const missing = state.others.filter((m) => steps.some((s) => !state.inbox[s].has(m)))
  // R20: whoever has confirmed a transcript can't know that the missing one won't, so it leaves only for who says so.
  if (state.said.confirm !== undefined) return stayed(state, { kind: 'late', step, missing })
  return abort(state, { kind: 'silence', step, missing })
}

/** Goes as far as what was heard allows: several steps, if messages came early. */
function advanced(transition: Transition): Transition {
  let { state, effects } = transition
  for (let next = advance(state); next !== undefined; next = advance(state)) {
    effects = [...effects, ...next.effects]
    if (next.state.phase.kind === state.phase.kind) return { state: next.state, effects }
    state = next.state
  }
  return { state, effects }
}

/** One step onward, or undefined while something is missing. */
function advance(state: KeygenState): Transition | undefined {
  const { phase } = state
  switch (phase.kind) {
    case 'opening': {
      const opens = allOf(state, 'open')
      return opens && deal(state, phase.receiverKey, opens)
    }
    case 'dealing':
      return takeDeals(state, phase)
    case 'confirming':
      return compareConfirms(state, phase) ?? (allOf(state, 'confirm') && commit(state, phase))
    case 'trying':
      return state.ownConfirmWire && advanceTrial(state, phase, state.ownConfirmWire)
    case 'idle':
    case 'persisting':
    case 'committing':
    case 'left':
    case 'done':
    case 'aborted':
      return undefined
    default:
      return unreachable(phase)
  }
}
