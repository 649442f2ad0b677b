import { equalBytes, type PublicKey } from '../../base/index.ts'
import { checkDealerKey, checkReceiverKey } from '../../crypto/index.ts'
import { xOnly } from '../../curve/index.ts'
import { abort, abortForFault } from './abort.ts'
import { secondConfirm } from './certified.ts'
import { decodeKeygen, isOversized } from './codec.ts'
import {
  type Heard,
  isRepeated,
  type KeygenState,
  type MessageEvent as Message,
  type Phase,
  type Transition,
  withEphemerals,
} from './state.ts'
import { type FaultCode, FIRST_TURN, type KeygenPayloads, type KeygenStep, parseStep } from './steps.ts'

/** Restarts of one member for which all commit anew at once; for more of them only as often as words are said again. */
export const RESTARTS_AT_ONCE = 4

/**
 * Takes a message into its slot, or ends the attempt for it. What can be judged of a message alone is judged here, at once
 * and even if it is early.
 */
export function receive(state: KeygenState, message: Message): Transition {
  const named = parseStep(message.step)
  if (!state.others.includes(message.author) || named === undefined) return { state, effects: [] }
  if (isOversized(named.step, message.payload)) return { state, effects: [] }
  // Of the whole set: judged by whoever reads certificates.
  if (named.step === 'certified') return { state, effects: [] }
  const late = named.step === 'confirm' ? secondConfirm(state, message) : undefined
  if (late !== undefined) return late
  if (state.phase.kind === 'left' || state.phase.kind === 'done') return { state, effects: [] }
  // A transcript that all have confirmed is finished, whatever is said of how it was made (R20).
  if (state.certified && !isOfTrial(state.phase, message, named.step)) return { state, effects: [] }
  const known = state.boots.get(message.author)
  // R16: what comes late of an earlier life of this member.
  if (known !== undefined && message.boot < known) return { state, effects: [] }
  if (known !== undefined && message.boot > known) return receiveRestarted(state, message, named)
  return receiveNamed(withBoot(state, message), message, named)
}

/**
 * A change of boot inside keygen aborts the attempt without blame (R16), but for a member that staged our transcript before: it
 * says so again, and what it had committed to in its earlier life is dead.
 */
function receiveRestarted(state: KeygenState, message: Message, named: Named): Transition {
  const { phase } = state
  const isAfterStaging = 'transcript' in phase && ['confirm', 'commit', 'trial'].includes(named.step)
  if (!isAfterStaging) return abort(state, { kind: 'boot_changed', member: message.author })
  return receiveNamed(withRestart(withBoot(state, message), message.author), message, named)
}

/** Nobody makes the others commit anew as fast as it can restart: each time costs all of them a nonce pair and a message. */
function withRestart(state: KeygenState, member: PublicKey): KeygenState {
  const times = (state.restarts.get(member) ?? 0) + 1
  const restarts = new Map(state.restarts).set(member, times)
  const restless = new Set(state.restless).add(member)
  return { ...state, restarts, restless, isTurnDue: state.isTurnDue || times <= RESTARTS_AT_ONCE }
}

type Named = NonNullable<ReturnType<typeof parseStep>>

/** Into its turn. Another turn than ours is no reason to leave ours (see `turnOf`): what is said in it waits until we come there. */
function receiveNamed(state: KeygenState, message: Message, { step, turn }: Named): Transition {
  if (turn === state.turn || (step !== 'commit' && step !== 'trial')) return receiveStep(state, message, step)
  if (turn === FIRST_TURN || !('transcript' in state.phase)) return { state, effects: [] }
  const { author, payload, wire } = message
  if (decodeKeygen(step, payload) === undefined) return abortForFault(state, author, 'malformed', wire)
  return { state: { ...state, ahead: new Map(state.ahead).set(`${step} ${author}`, message) }, effects: [] }
}

const withBoot = (state: KeygenState, { author, boot }: Message): KeygenState => ({
  ...state,
  boots: new Map(state.boots).set(author, boot),
})

/** Does a message belong to the end of a certified transcript? */
function isOfTrial(phase: Phase, { payload }: Message, step: KeygenStep): boolean {
  if (step === 'trial') return true
  if (step !== 'confirm' && step !== 'commit') return false
  const value = decodeKeygen(step, payload)
  return value === undefined || ('transcript' in phase && value.transcript === phase.transcript)
}

export function receiveStep<S extends KeygenStep>(state: KeygenState, message: Message, step: S): Transition {
  const { author, payload, wire, boot } = message
  const value = decodeKeygen(step, payload)
  if (value === undefined) return abortForFault(state, author, 'malformed', wire)
  // A share for somebody else proves nothing here: whoever holds it could show it around.
  if (isFor('share', step, value) && value.receiver !== state.params.self) return { state, effects: [] }
  // Sealed to another key than this attempt's of ours: to that of an earlier life of this node, or by a liar who can't be shown as one.
  if (isFor('share', step, value) && !isForOurKey(state, value.receiverKey)) return { state, effects: [] }
  const slots: ReadonlyMap<PublicKey, Heard<S>> = state.inbox[step]
  const before = slots.get(author)
  if (before !== undefined && before.boot === boot) {
    if (equalBytes(before.payload, payload)) return { state, effects: [] }
    return abortForFault(state, author, 'equivocation', before.wire, wire)
  }
  if (isFor('complaint', step, value)) return abort(state, { kind: 'complaint', by: author, ...value, wire })
  const fault = faultAlone(state, author, step, value)
  if (fault === 'repeated_ephemeral')
    return abortForFault(state, author, fault, ...earlierWires(state, author, step, value), wire)
  if (fault !== undefined) return abortForFault(state, author, fault, wire)
  const heard: Heard<S> = { value, payload, wire, boot }
  const inbox = { ...state.inbox, [step]: new Map(slots).set(author, heard) }
  const key = ephemeralIn(step, value)
  return { state: { ...(key === undefined ? state : withEphemerals(state, [key])), inbox }, effects: [] }
}

const isFor = <S extends KeygenStep>(
  wanted: S,
  step: KeygenStep,
  _value: KeygenPayloads[KeygenStep],
): _value is KeygenPayloads[S] => step === wanted

/** What is wrong with a message, whatever else was said. */
function faultAlone(
  state: KeygenState,
  author: PublicKey,
  step: KeygenStep,
  value: KeygenPayloads[KeygenStep],
): FaultCode | undefined {
  const { attemptId, params } = state
  if (isFor('deal', step, value)) return value.boxHashes.length === state.others.length ? undefined : 'malformed'
  if (isFor('open', step, value) && !checkReceiverKey(attemptId, author, value.receiverKey, value.proof))
    return 'bad_ephemeral_proof'
  if (isFor('share', step, value)) {
    const context = { attempt: attemptId, dealer: author, receiver: params.self }
    if (!checkDealerKey(context, value.dealerKey, value.proof)) return 'bad_ephemeral_proof'
  }
  const key = ephemeralIn(step, value)
  return key !== undefined && isRepeated(state, key) ? 'repeated_ephemeral' : undefined
}

function isForOurKey({ said }: KeygenState, key: Uint8Array): boolean {
  const own = said.open && decodeKeygen('open', said.open)
  return own !== undefined && equalBytes(own.receiverKey, key)
}

/** Where the same author said the same ephemeral key before; none if it was another's, which shows nothing about who copied it. */
function earlierWires(
  { inbox }: KeygenState,
  author: PublicKey,
  step: KeygenStep,
  value: KeygenPayloads[KeygenStep],
): readonly Uint8Array[] {
  const key = ephemeralIn(step, value) ?? new Uint8Array(33)
  const said = [
    [inbox.open.get(author)?.wire, inbox.open.get(author)?.value.receiverKey],
    [inbox.share.get(author)?.wire, inbox.share.get(author)?.value.dealerKey],
  ] as const
  return said.flatMap(([wire, k]) =>
    wire !== undefined && k !== undefined && equalBytes(xOnly(k), xOnly(key)) ? [wire] : [],
  )
}

function ephemeralIn(step: KeygenStep, value: KeygenPayloads[KeygenStep]): Uint8Array | undefined {
  if (isFor('open', step, value)) return value.receiverKey
  return isFor('share', step, value) ? value.dealerKey : undefined
}
