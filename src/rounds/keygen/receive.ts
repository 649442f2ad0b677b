import { equalBytes, type PublicKey } from '../../base/index.ts'
import { checkDealerKey, checkReceiverKey } from '../../crypto/index.ts'
import { xOnly } from '../../curve/index.ts'
import { abort, abortForFault } from './abort.ts'
import { decodeKeygen } from './codec.ts'
import { type Heard, isRepeated, type KeygenState, type Transition, withEphemerals } from './state.ts'
import { type FaultCode, isKeygenStep, type KeygenPayloads, type KeygenStep } from './steps.ts'
import type { KeygenEvent } from './types.ts'

type Message = Extract<KeygenEvent, { kind: 'message' }>

/**
 * Takes a message into its slot, or ends the attempt for it. What can be judged of a message alone is judged here, at once
 * and even if it is early.
 */
export function receive(state: KeygenState, message: Message): Transition {
  const { author, step } = message
  if (!state.others.includes(author) || !isKeygenStep(step)) return { state, effects: [] }
  const boot = state.boots.get(author)
  if (boot !== undefined && boot !== message.boot) return abort(state, { kind: 'boot_changed', member: author })
  const known = { ...state, boots: new Map(state.boots).set(author, message.boot) }
  return receiveStep(known, message, step)
}

function receiveStep<S extends KeygenStep>(state: KeygenState, message: Message, step: S): Transition {
  const { author, payload, wire } = message
  const value = decodeKeygen(step, payload)
  if (value === undefined) return abortForFault(state, author, 'malformed', wire)
  // A share for somebody else proves nothing here: whoever holds it could show it around.
  if (isFor('share', step, value) && value.receiver !== state.params.self) return { state, effects: [] }
  // Sealed to another key than this attempt's of ours: to that of an earlier life of this node, or by a liar who can't be shown as one.
  if (isFor('share', step, value) && !isForOurKey(state, value.receiverKey)) return { state, effects: [] }
  const slots: ReadonlyMap<PublicKey, Heard<S>> = state.inbox[step]
  const before = slots.get(author)
  if (before !== undefined) {
    if (equalBytes(before.payload, payload)) return { state, effects: [] }
    return abortForFault(state, author, 'equivocation', before.wire, wire)
  }
  if (isFor('complaint', step, value)) return abort(state, { kind: 'complaint', by: author, ...value, wire })
  const fault = faultAlone(state, author, step, value)
  if (fault === 'repeated_ephemeral')
    return abortForFault(state, author, fault, ...earlierWires(state, author, step, value), wire)
  if (fault !== undefined) return abortForFault(state, author, fault, wire)
  const heard: Heard<S> = { value, payload, wire }
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
