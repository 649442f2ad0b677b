import { LIMITS, type PublicKey, type SetHash } from '../../base/index.ts'
import type { Consent } from '../../signer/index.ts'
import { Aftermath } from './aftermath.ts'
import { Announcements } from './announcements.ts'
import { Coordination, type CoordinationWork, headStartId } from './coordination.ts'
import { isHopeless, membersOut } from './coordinator.ts'
import type { CoordinatorEvent } from './coordinator.types.ts'
import { failedRound } from './failed.ts'
import { isBusyIn, isOwnTurn, isPowerOfTwo, isRefused, type KnownRound, knownRound, oldestOfLoudest } from './known.ts'
import { sayReady, sayResult } from './messages.ts'
import { OwnWord } from './own-word.ts'
import type { Restock } from './restock.ts'
import { SignedRounds } from './signed-rounds.ts'
import type { DeclineReason, RoundFacts, SignEffect, SignFailed, SignPackage } from './types.ts'
import { Work } from './work.ts'

export interface RoundTableInit {
  readonly self: PublicKey
  readonly delayMs: number
  readonly asksUnready: boolean
  readonly maxRounds: number
  readonly number: () => number
  readonly restock: Restock
  /** The round is done: nobody need answer its packages any more. */
  readonly onDone: (round: string) => Effects
}
type Effects = readonly SignEffect[]

const tickId = (round: string): string => `tick/${round}`
const deadlineId = (round: string): string => `deadline/${round}`
/** A request that only others want is forgotten after this time without a word of it. */
const FORGET_MS = LIMITS.signTimeoutMs

/** Requests that are not signed yet, whoever wants them, and the signatures of those that are. */
export class RoundTable {
  readonly #c: RoundTableInit
  readonly #coordination: Coordination
  readonly #aftermath: Aftermath
  readonly #announcements: Announcements
  readonly #work: Work
  readonly #rounds = new Map<string, KnownRound>()
  readonly #ownWord: OwnWord
  readonly #signed: SignedRounds

  constructor(init: RoundTableInit) {
    this.#c = init
    this.#coordination = new Coordination(init)
    this.#work = new Work(init.asksUnready)
    const isBusy = () => this.size.wanted > 0
    const onCheat = (round: string, member: PublicKey) => this.#cheated(round, member)
    this.#aftermath = new Aftermath({ self: init.self, isBusy, onCheat })
    this.#announcements = new Announcements((round) => {
      const r = this.#rounds.get(round)
      return r === undefined ? [] : [sayReady(r.request, round)]
    })
    this.#ownWord = new OwnWord(init)
    this.#signed = new SignedRounds(init.maxRounds)
  }

  get size(): { readonly known: number; readonly wanted: number; readonly coordinating: number } {
    const rounds = [...this.#rounds.values()]
    const wanted = rounds.filter((r) => r.isWanted).length
    return { known: rounds.length, wanted, coordinating: rounds.filter((r) => r.coordinator !== undefined).length }
  }
  get(round: string): KnownRound | undefined {
    return this.#rounds.get(round)
  }
  signatures(round: string): readonly Uint8Array[] | undefined {
    return this.#signed.get(round)
  }

  /** This operator's own bridge wants it. */
  want(facts: RoundFacts, timeoutMs: number): Effects {
    const { r, effects } = this.#know(facts, this.#c.self)
    r.isWanted = true
    r.ticks = 0
    const deadline: SignEffect = { kind: 'arm', id: deadlineId(r.round), afterMs: timeoutMs }
    const work = this.#beReady(r)
    return [...effects, deadline, ...this.#announcements.first(r.round), ...work, ...this.#advance(r)]
  }

  /** A member's operator approved it. */
  ready(facts: RoundFacts, member: PublicKey): Effects {
    const { r, effects } = this.#know(facts, member)
    this.#coordination.heard(member)
    r.idleTicks = 0
    r.ready.add(member)
    r.declined.delete(member)
    const { setHash, transcript, items } = r.request
    const pairs = r.coordinator && this.#c.restock.need([member], setHash, transcript, items.length)
    return [
      ...effects,
      ...this.#ownWord.ask(r, member),
      ...(pairs ?? []),
      ...this.happened(r, { kind: 'ready', member }),
    ]
  }

  declined(r: KnownRound, member: PublicKey, session: number, reason: DeclineReason): Effects {
    // Of a package that is open here: else a member could empty its shelf for ever, and have it filled again.
    if (reason === 'unknown_nonce') {
      if (isBusyIn(r, member, session)) this.#c.restock.drop(member)
    } else r.declined.set(member, reason)
    if (reason === 'refused') r.ready.delete(member)
    if (isRefused(r)) return this.#fail(r, 'REFUSED')
    return this.happened(r, { kind: 'decline', member, session, reason })
  }

  share(round: string, set: SetHash, event: CoordinatorEvent & { kind: 'share' }): Effects {
    const late = this.#aftermath.share(round, event)
    if (late !== undefined) return late
    const r = this.#rounds.get(round)
    if (r?.request.setHash !== set) return []
    this.#coordination.heard(event.member)
    return this.happened(r, event)
  }

  /** This node's own package, as signed. */
  sent(round: string, session: number, wire: Uint8Array): Effects {
    this.#aftermath.sent(session, wire)
    const r = this.#rounds.get(round)
    return r === undefined ? [] : this.happened(r, { kind: 'sent', session, wire })
  }
  /** Of an open session of this node's own. */
  packageOf(round: string, session: number): SignPackage | undefined {
    return this.#rounds.get(round)?.coordinator?.sessions.find((s) => s.number === session)?.package
  }
  /** A share of its in an ended session is wrong. */
  #cheated(round: string, member: PublicKey): Effects {
    const r = this.#rounds.get(round)
    return r === undefined ? [] : this.happened(r, { kind: 'cheated', member })
  }

  happened(r: KnownRound, event: CoordinatorEvent): Effects {
    return [...this.#act(r, this.#coordination.step(r, event)), ...this.#advance(r)]
  }

  restarted(member: PublicKey): Effects {
    return [...this.#rounds.values()].flatMap((r) => this.happened(r, { kind: 'restarted', member }))
  }
  /** There are pairs that rounds may have waited for. */
  supplied(): Effects {
    return [...this.#rounds.values()].flatMap((r) => this.#pump(r))
  }

  /** What this operator's policy says of the round. */
  ownWord(r: KnownRound, answer: Consent): Effects {
    if (r.own !== 'asked') return []
    r.own = answer
    if (answer === 'refused') return this.#ownWord.tellDeclines(r)
    // Where members are asked without being ready, they say so only to help out once the first coordinator is late.
    if (answer !== 'yes' || this.#c.asksUnready) return []
    return [sayReady(r.request, r.round), ...this.#beReady(r), ...this.#advance(r)]
  }

  /** This operator's own bridge asked meanwhile (R27). */
  reconsider(round: string): Effects {
    const r = this.#rounds.get(round)
    return r?.own === 'not_asked_yet' ? this.#ownWord.askAgain(r) : []
  }

  /** undefined: not a timer of a round. */
  timer(id: string): Effects | undefined {
    const r = this.#rounds.get(id.slice(id.indexOf('/') + 1))
    if (r !== undefined && id === tickId(r.round)) return this.#tick(r)
    if (r !== undefined && id === deadlineId(r.round)) return this.#fail(r, 'TIMEOUT')
    if (r !== undefined && id === headStartId(r.round)) {
      r.hasHeadStart = false
      return this.#pump(r)
    }
    return this.#announcements.timer(id) ?? this.#aftermath.timer(id)
  }

  /** The first verified signatures end the round for every machine of it, and are kept (R28). */
  complete(r: KnownRound, signatures: readonly Uint8Array[]): Effects {
    const { round, request } = r
    this.#signed.keep(r, signatures)
    return [...this.#forget(r), ...this.#c.onDone(round), { kind: 'done', round, request, signatures }]
  }

  cancel(round: string): Effects {
    const r = this.#rounds.get(round)
    return r?.isWanted === true ? this.#forget(r) : []
  }
  stop(): Effects {
    // Nobody else has the place of a round that is stopped.
    this.#work.clear()
    const stopped = [...this.#rounds.values()].flatMap((r) => this.#fail(r, 'STOPPED'))
    return [...stopped, ...this.#announcements.clear(), ...this.#aftermath.clear()]
  }

  #know(facts: RoundFacts, from: PublicKey): { readonly r: KnownRound; readonly effects: Effects } {
    const known = this.#rounds.get(facts.round)
    if (known !== undefined) return { r: known, effects: [] }
    const r = knownRound(facts, from)
    const gone = this.#makeRoom()
    this.#rounds.set(facts.round, r)
    return { r, effects: [...gone, this.#armTick(facts.round)] }
  }

  #armTick(round: string): SignEffect {
    return { kind: 'arm', id: tickId(round), afterMs: this.#c.delayMs, isPatient: true }
  }

  #makeRoom(): Effects {
    const idle = [...this.#rounds.values()].filter((r) => !r.isWanted)
    const victim = idle.length < this.#c.maxRounds ? undefined : oldestOfLoudest(idle)
    return victim === undefined ? [] : this.#forget(victim)
  }

  #beReady(r: KnownRound): Effects {
    const { self } = this.#c
    r.own = 'yes'
    r.ready.add(self)
    return this.#act(r, this.#coordination.step(r, { kind: 'ready', member: self }))
  }

  /** One coordinator delay has passed. */
  #tick(r: KnownRound): Effects {
    r.ticks++
    r.idleTicks++
    if (r.hasEnough && this.#work.isAt(r)) r.turns++
    if (!r.isWanted && r.idleTicks * this.#c.delayMs >= FORGET_MS) return this.#forget(r)
    const again = this.#armTick(r.round)
    // What may have been lost is said again (R14), ever more seldom.
    const isDue = isPowerOfTwo(r.ticks)
    const asked = isDue && r.own === 'not_asked_yet' ? this.#ownWord.askAgain(r) : []
    // Where policies answer by themselves, whoever approves helps out once the first coordinator is late.
    const isHelper = r.own === 'yes' && !r.ready.has(this.#c.self)
    const said = r.isWanted && isDue ? this.#announcements.again(r.round) : isHelper ? this.#help(r) : []
    const resent = isDue ? this.#act(r, this.#coordination.step(r, { kind: 'resend' })) : []
    const passed = this.#granted(this.#work.tick(r))
    return [again, ...asked, ...said, ...this.#ownWord.tellDeclines(r), ...resent, ...passed, ...this.#advance(r)]
  }
  #help(r: KnownRound): Effects {
    return [sayReady(r.request, r.round), ...this.#beReady(r)]
  }

  /** They have a place now. */
  #granted(rounds: readonly string[]): Effects {
    return rounds.flatMap((round) => {
      const r = this.#rounds.get(round)
      if (r === undefined) return []
      r.placeTicks = 0
      return this.#advance(r)
    })
  }
  #pump(r: KnownRound): Effects {
    return this.#work.isAt(r) ? this.#act(r, this.#coordination.pump(r)) : []
  }

  /** Coordinates if it is this node's turn. */
  #advance(r: KnownRound): Effects {
    if (this.#rounds.get(r.round) !== r) return []
    const { self, asksUnready } = this.#c
    const begun: SignEffect[] = [...this.#granted(this.#work.seat(r))]
    if (!this.#work.isAt(r)) return begun
    const isEnough = r.ready.size >= r.key.threshold || (asksUnready && r.isWanted)
    if (isEnough && !r.hasEnough) {
      r.hasEnough = true
      // The first coordinator has a whole delay from now.
      begun.push(this.#armTick(r.round))
    }
    if (r.coordinator === undefined && isOwnTurn(r, self)) begun.push(...this.#act(r, this.#coordination.begin(r)))
    return [...begun, ...this.#pump(r)]
  }

  #act(r: KnownRound, work: CoordinationWork): Effects {
    const effects = work.flatMap((w): Effects => {
      if (w.kind === 'ended') return this.#aftermath.ended(r, w.session, w.named)
      if (w.kind !== 'signed') return [w]
      return [sayResult(r.request, r.round, w.signatures), ...this.complete(r, w.signatures)]
    })
    const state = r.coordinator
    if (state === undefined || state.isOver || !isHopeless(state)) return effects
    return [...effects, ...this.#fail(r, membersOut(state, 'refused').length > 0 ? 'REFUSED' : 'TIMEOUT')]
  }

  #fail(r: KnownRound, code: SignFailed['code']): Effects {
    const failed = failedRound(r, code, this.#c.self)
    const gone = this.#forget(r)
    return r.isWanted ? [...gone, failed] : gone
  }

  #forget(r: KnownRound): Effects {
    if (this.#rounds.get(r.round) !== r) return []
    this.#rounds.delete(r.round)
    this.#announcements.forget(r.round)
    const sessions = r.coordinator?.sessions ?? []
    r.coordinator = undefined
    const ids = [tickId(r.round), deadlineId(r.round), ...(r.hasHeadStart ? [headStartId(r.round)] : [])]
    return [
      ...ids.map((id): SignEffect => ({ kind: 'disarm', id })),
      ...sessions.flatMap((s) => this.#aftermath.ended(r, s, NOBODY)),
      ...this.#granted(this.#work.leave(r.round)),
    ]
  }
}

const NOBODY: ReadonlySet<PublicKey> = new Set()
