import { unreachable } from '../../base/index.ts'
import { abort } from './abort.ts'
import { deal, open, takeDeals } from './dealing.ts'
import { receive } from './receive.ts'
import { resend } from './resend.ts'
import { allOf, type KeygenState, type Transition, waitingFor, without } from './state.ts'
import { compareConfirms, confirm, judgeTrial, tryKey } from './trial.ts'
import type { KeygenEvent, KeygenTimer } from './types.ts'

/**
 * Keygen as one member (DESIGN §7, R18–R22): what happened in, what is to be done out. Does no I/O and never throws;
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
    case 'message':
      return phase.kind === 'done' ? { state, effects: [] } : receive(state, event)
    case 'published':
      if (event.step !== 'confirm' || state.ownConfirmWire !== undefined) return { state, effects: [] }
      return { state: { ...state, ownConfirmWire: event.wire }, effects: [] }
    case 'persisted':
      return phase.kind === 'persisting' && phase.transcript === event.transcript
        ? confirm(state, phase)
        : { state, effects: [] }
    case 'timer':
      return onTimer(state, event.name)
    default:
      return unreachable(event)
  }
}

function onTimer(state: KeygenState, name: KeygenTimer): Transition {
  if (name === 'resend') return resend(state)
  if (state.phase.kind === 'done') return { state, effects: [{ kind: 'disarm', name: 'resend' }] }
  if (state.phase.kind === 'persisting')
    return abort(state, { kind: 'internal', error: new Error('the staged share was not on disk in time') })
  const steps = waitingFor(state.phase)
  const step = steps.find((s) => without(state, s).length > 0) ?? steps[0]
  if (step === undefined) return { state, effects: [] }
  const missing = state.others.filter((m) => steps.some((s) => !state.inbox[s].has(m)))
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
    case 'confirming': {
      const confirms = allOf(state, 'confirm')
      return compareConfirms(state, phase) ?? (confirms && tryKey(state, phase, confirms))
    }
    case 'trying': {
      const trials = allOf(state, 'trial')
      return trials && state.ownConfirmWire && judgeTrial(state, phase, trials, state.ownConfirmWire)
    }
    case 'idle':
    case 'persisting':
    case 'done':
    case 'aborted':
      return undefined
    default:
      return unreachable(phase)
  }
}
