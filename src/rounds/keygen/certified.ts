import { equalBytes, type PublicKey } from '../../base/index.ts'
import { abort } from './abort.ts'
import { decodeKeygen, encodeKeygen } from './codec.ts'
import { commit, contradictions } from './confirm.ts'
import { type Heard, type KeygenState, type MessageEvent, type Phase, type Transition, utterance } from './state.ts'
import type { HeardConfirm, KeygenEvent } from './types.ts'

type Event<K extends KeygenEvent['kind']> = Extract<KeygenEvent, { kind: K }>
type Confirming = Extract<Phase, { kind: 'confirming' }>

/**
 * Somebody is in a later attempt. This one needs all members, so it is left; but not where all have confirmed: then whoever left is
 * shown the certificate, and comes back (R20).
 */
export function overtaken(state: KeygenState, { by, attempt }: Event<'overtaken'>): Transition {
  return state.certified ? sayCertified(state) : abort(state, { kind: 'overtaken', by, attempt })
}

/**
 * Not before it is on disk: it is this node's word that it deals in no later attempt (R20). Always in the same bytes (R16), whoever has
 * restarted and confirmed anew since.
 */
export function sayCertified(state: KeygenState): Transition {
  const { phase, params, inbox, ownConfirmWire, told } = state
  if (phase.kind !== 'trying' && phase.kind !== 'done') return { state, effects: [] }
  const wires = params.members.map((m) => (m === params.self ? ownConfirmWire : inbox.confirm.get(m)?.wire))
  const confirms = wires.filter((wire) => wire !== undefined)
  if (confirms.length < wires.length) return { state, effects: [] }
  const { certified = encodeKeygen('certified', { confirms: told === undefined ? confirms : [], told }) } = state.said
  return {
    state: { ...state, said: { ...state.said, certified } },
    effects: [{ kind: 'publish', utterance: utterance(state, 'certified', certified) }],
  }
}

/**
 * Shown the certificate of the transcript that this node has confirmed, it goes on with it, from wherever it was: with the same
 * words and the same nonce pair, which was never used. What somebody confirmed otherwise to this node is shown then.
 */
export function takeCertified(state: KeygenState, { confirms, told }: Event<'certified'>): Transition {
  const { phase, params } = state
  if (state.certified || (phase.kind !== 'confirming' && phase.kind !== 'left')) return { state, effects: [] }
  const back: Confirming = { ...phase, kind: 'confirming' }
  const heard = new Map<PublicKey, Heard<'confirm'>>()
  for (const c of confirms) {
    const value = decodeKeygen('confirm', c.payload)
    if (value !== undefined) heard.set(c.author, { value, payload: c.payload, wire: c.wire, boot: c.boot })
  }
  const isWhole = params.members.every((m) => heard.has(m))
  if (!isWhole || contradictions(back.transcript, back.key, heard).length > 0) return { state, effects: [] }
  const liars = confirms.filter((c) => c.author !== params.self && isSecond(state, c))
  const shown = showAll(state, liars)
  heard.delete(params.self)
  const boots = new Map(state.boots)
  for (const [member, { boot }] of heard) boots.set(member, Math.max(boot, boots.get(member) ?? 0))
  const at: KeygenState = {
    ...shown.state,
    boots,
    told,
    inbox: { ...state.inbox, confirm: heard },
  }
  const next = commit(at, back)
  return { state: next.state, effects: [...shown.effects, ...next.effects] }
}

/** Another confirm than was heard before in the same slot (R16). */
function isSecond({ inbox }: KeygenState, { author, boot, payload }: HeardConfirm): boolean {
  const before = inbox.confirm.get(author)
  return before !== undefined && before.boot === boot && !equalBytes(before.payload, payload)
}

const showAll = (state: KeygenState, liars: readonly HeardConfirm[]): Transition =>
  liars.reduce<Transition>(
    (so, { author, wire }) => {
      const before = so.state.inbox.confirm.get(author)
      if (before === undefined || so.state.shown.has(author)) return so
      const fault = { member: author, code: 'equivocation', wires: [before.wire, wire] } as const
      const shown = new Set(so.state.shown).add(author)
      return { state: { ...so.state, shown }, effects: [...so.effects, { kind: 'found', fault }] }
    },
    { state, effects: [] },
  )

/** A second confirm after which nothing ends any more, since this node is certified or has left: it is shown all the same. */
export function secondConfirm(state: KeygenState, message: MessageEvent): Transition | undefined {
  const isOver = state.certified || state.phase.kind === 'left'
  return isOver && isSecond(state, message) ? showAll(state, [message]) : undefined
}
