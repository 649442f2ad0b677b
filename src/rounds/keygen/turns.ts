import { encodeFields } from '../../base/index.ts'
import { commitNonces } from '../../crypto/index.ts'
import { taggedHash } from '../../curve/index.ts'
import { encodeKeygen } from './codec.ts'
import { confirmationOf } from './confirm.ts'
import { receiveStep } from './receive.ts'
import { type KeygenState, type Phase, type Transition, utterance } from './state.ts'
import { FIRST_TURN, parseStep } from './steps.ts'
import type { KeygenEffect } from './types.ts'

type Trying = Extract<Phase, { kind: 'trying' }>

/** Of a hash; as much as the name of a step has room for, and enough that no two are ever alike. */
const TURN_BYTES = 18

/**
 * The turn of the trial in which all members have the lives that this node knows of, by their boot numbers; undefined until it
 * knows of all. A member's boot is its own signed word and only ever rises, so whoever hears the same words comes to the same
 * turn, whatever it missed in between, and nobody can name one to which the others would have to go, or use any up but by
 * restarting itself.
 */
export function turnOf({ params, boots, ownBoot }: KeygenState): string | undefined {
  const lives = params.members.map((m) => (m === params.self ? ownBoot : boots.get(m)))
  const known = lives.filter((boot) => boot !== undefined)
  if (known.length < lives.length) return undefined
  const hash = taggedHash('countersign/keygen/turn', encodeFields(...known))
  return Buffer.from(hash.subarray(0, TURN_BYTES)).toString('base64url')
}

/**
 * The turn to go to now. A member restarted, and what it committed to is dead; or, from the first turn, others are there already:
 * of two that confirm in two lives of a third, each takes another commitment for its first.
 */
export function turnToEnter(state: KeygenState, { signed }: Trying): string | undefined {
  const turn = turnOf(state)
  if (turn === undefined || turn === state.turn) return undefined
  if (state.turn !== FIRST_TURN || (signed !== undefined && signed.turn !== turn))
    return state.isTurnDue ? turn : undefined
  return [...state.ahead.values()].some((m) => parseStep(m.step)?.turn === turn) ? turn : undefined
}

/**
 * Goes to a turn whose nonces are all fresh. The digest stays (R22): what is signed once more is the same, under other nonces, and
 * no pair is ever used twice (R25). No timer begins anew: whoever restarts over and over would put off what is said of it.
 */
export function enterTurn(state: KeygenState, phase: Trying, turn: string): Transition {
  phase.nonces.destroy()
  const { transcript, key } = phase
  const { nonces, commitment } = commitNonces(key)
  const commit = encodeKeygen('commit', confirmationOf(transcript, key, commitment))
  const inTurn: KeygenState = {
    ...state,
    turn,
    isTurnDue: false,
    ahead: new Map(),
    inbox: { ...state.inbox, commit: new Map(), trial: new Map() },
    said: { ...state.said, commit, trial: undefined },
    ownCommitWire: undefined,
    phase: { ...phase, nonces, signed: undefined },
  }
  const first: Transition = {
    state: inTurn,
    effects: [{ kind: 'publish', utterance: utterance(inTurn, 'commit', commit) }],
  }
  return [...state.ahead.values()].reduce((before, message) => {
    const named = parseStep(message.step)
    if (named?.turn !== turn || before.state.phase.kind !== 'trying') return before
    const { state, effects } = receiveStep(before.state, message, named.step)
    return { state, effects: [...before.effects, ...effects] satisfies KeygenEffect[] }
  }, first)
}
