import {
  type Clock,
  type Counter,
  describeError,
  type GroupKey,
  LIMITS,
  type Logger,
  type Metrics,
  type PublicKey,
  type SetHash,
  type Startable,
  type TranscriptHash,
} from '../../base/index.ts'
import type { KeyPackage } from '../../crypto/index.ts'
import type { Envelope, Messenger, Verdict } from '../../p2p/index.ts'
import type { Consent, SignResult, ThresholdRequest, ThresholdRounds } from '../../signer/index.ts'
import { requestHash, SignBook, type SignEffect, type SignFault, type SignRequest } from '../sign/index.ts'
import { Callers } from './callers.ts'
import { PatientTimers } from './patient-timers.ts'
import { RoundWatch, type SignHealth } from './round-watch.ts'
import { failure } from './sign-failures.ts'
import { SignSpeech } from './sign-speech.ts'
import { tellFailed } from './tell-failed.ts'

/** Requests that wait at once: those of bridges, and whatever their backlog, those of a handoff (R29). */
const MAX_WANTED = LIMITS.maxSignSessions + LIMITS.maxHandoffRounds

/** The share to sign with now (R9, R21). */
export interface SigningKey {
  readonly setHash: SetHash
  readonly groupKey: GroupKey
  readonly transcript: TranscriptHash
  readonly key: KeyPackage
}

export interface SignDriverInit {
  readonly network: string
  readonly messenger: Messenger
  /** Asked anew for every session: a share of a replaced set must not be used for one message longer. */
  readonly activeKey: () => SigningKey | undefined
  readonly consent: (request: ThresholdRequest, coordinator: PublicKey) => Promise<Consent>
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  /** This node's signer key. */
  readonly self: PublicKey
  /** One for all sign drivers of a process: sessions are never numbered twice in a boot (R16). Its own, unless said. */
  readonly number?: () => number
  /** Until the next members coordinate; `LIMITS.coordinatorDelayMs` unless said. */
  readonly coordinatorDelayMs?: number
  /**
   * This operator's policy may approve what its own bridge did not ask: so members are asked before they say that they are
   * ready, and a round needs no more than one bridge.
   */
  readonly asksUnready?: boolean
  /** Is there a link to this member? Nobody is dialled for nonce commitments alone; everybody counts as linked, unless said. */
  readonly isLinked?: (member: PublicKey) => boolean
  /** Told of every provable fault of a member, once (docs/ROUNDS.md). */
  readonly onFault?: ((fault: SignFault) => void) | undefined
}

/** Performs what the sign machines ask for: messages, timers, consent; answers the threshold service. */
export class SignDriver implements ThresholdRounds, Startable {
  readonly #c: SignDriverInit
  readonly #logger: Logger
  readonly #book: SignBook
  readonly #timers: PatientTimers
  readonly #watch: RoundWatch
  readonly #callers: Callers
  readonly #speech: SignSpeech
  readonly #faults: Counter<'code'>
  readonly #refused: Counter<'reason'>
  #joined: { readonly setHash: SetHash; readonly transcript: TranscriptHash; readonly leave: () => void } | undefined

  constructor(init: SignDriverInit) {
    this.#c = init
    this.#logger = init.logger.child('sign')
    this.#watch = new RoundWatch(init.clock)
    this.#timers = new PatientTimers(init.clock, (id) => this.#perform(this.#book.timer(id)))
    const { number, coordinatorDelayMs, asksUnready = false } = init
    this.#book = new SignBook({
      self: init.self,
      keyFor: (set, transcript) => {
        const active = init.activeKey()
        return active?.setHash === set && active.transcript === transcript ? active.key : undefined
      },
      asksUnready,
      maxWanted: MAX_WANTED,
      ...(number === undefined ? {} : { number }),
      ...(coordinatorDelayMs === undefined ? {} : { coordinatorDelayMs }),
    })
    const { metrics } = init
    this.#faults = metrics.counter('sign_faults_total', 'Provable faults of members in sign rounds', ['code'])
    this.#refused = metrics.counter('sign_refusals_total', 'Messages of sign rounds not acted upon', ['reason'])
    this.#callers = new Callers((round) => this.#perform(this.#book.cancel(round)))
    this.#speech = new SignSpeech({
      ...{ network: init.network, self: init.self, messenger: init.messenger, isLinked: init.isLinked },
      ...{ logger: this.#logger, metrics },
      onUnsent: (step, member) => this.#book.unsent(step, member),
      onOwn: (envelope) => this.#hearOneself(envelope),
    })
  }

  async start(): Promise<void> {
    this.refresh()
  }

  async stop(): Promise<void> {
    this.#leave()
  }

  /** The active key may have changed: leave the old set's topic, end its rounds, join the new one. */
  refresh(): void {
    const active = this.#c.activeKey()
    const { setHash, transcript } = active ?? {}
    if (this.#joined?.setHash === setHash && this.#joined?.transcript === transcript) return
    this.#leave()
    if (setHash === undefined || transcript === undefined) return
    const leave = this.#c.messenger.join(this.#speech.topic(setHash), (envelope) => this.#receive(envelope))
    this.#joined = { setHash, transcript, leave }
    this.#perform(this.#book.warm(setHash, transcript))
  }

  /** Rounds that hang, of those that this node sees to. */
  health(): SignHealth {
    return this.#watch.health()
  }

  async sign(asked: ThresholdRequest, deadlineMs: number, signal?: AbortSignal): Promise<SignResult> {
    const active = this.#c.activeKey()
    if (signal?.aborted) return failure('STOPPED')
    if (active === undefined || active.groupKey !== asked.groupKey) return failure('NO_KEY')
    const { setHash, groupKey, transcript } = active
    const request: SignRequest = { groupKey, setHash, transcript, requestId: asked.requestId, items: asked.items }
    const round = requestHash(request)
    this.refresh()
    // The shares may have been replaced just now (R9).
    if (this.#joined?.transcript !== transcript) return failure('STOPPED')
    // Whoever waits is told of the signatures as soon as they are heard, whether this node works at the round or not yet.
    const answered = this.#watch.watch(round, deadlineMs, this.#callers.wait(round, signal))
    this.#perform(this.#book.start(request, Math.max(0, deadlineMs - this.#c.clock.now())))
    return await answered
  }

  #receive(envelope: Envelope): Verdict {
    const { verdict, effects } = this.#book.receive(envelope)
    this.#perform(effects)
    return verdict
  }

  #perform(effects: readonly SignEffect[]): void {
    for (const effect of effects) this.#one(effect)
  }

  #one(effect: SignEffect): void {
    switch (effect.kind) {
      case 'publish':
        this.#speech.publish(effect)
        return
      case 'send':
        this.#speech.send(effect)
        return
      case 'arm':
        this.#timers.arm(effect)
        return
      case 'disarm':
        this.#timers.disarm(effect.id)
        return
      case 'ask_consent':
        this.#ask(effect)
        return
      case 'done':
        this.#callers.settle(effect.round, { ok: true, signatures: effect.signatures })
        return
      case 'failed': {
        const { missing, cheaters } = effect
        tellFailed(this.#logger, effect)
        this.#callers.settle(effect.round, { ...failure(effect.code), missing, cheaters })
        return
      }
      case 'fault': {
        const { code, member, round } = effect
        this.#faults.inc({ code })
        this.#logger.warn('A member said what no honest one says', { code, member, round })
        this.#c.onFault?.(effect)
        return
      }
      case 'refused':
        this.#refused.inc({ reason: effect.reason })
        this.#logger.debug('Not acted upon', { author: effect.author, round: effect.round, reason: effect.reason })
        return
    }
  }

  #hearOneself(envelope: Envelope): void {
    if (this.#joined?.setHash === envelope.topic.scope) this.#receive(envelope)
  }

  #ask({ id, coordinator, request }: Extract<SignEffect, { kind: 'ask_consent' }>): void {
    const { groupKey, requestId, items } = request
    this.#c.consent({ groupKey, requestId, items }, coordinator).then(
      (answer) => this.#perform(this.#book.consent(id, answer)),
      (error: unknown) => {
        this.#logger.error('Consent could not be asked', { error: describeError(error) })
        // Not a refusal: the operator has said nothing, and the disk may answer next time.
        this.#perform(this.#book.consent(id, 'not_asked_yet'))
      },
    )
  }

  #leave(): void {
    if (this.#joined === undefined) return
    const { leave } = this.#joined
    this.#joined = undefined
    leave()
    this.#perform(this.#book.stop())
    this.#watch.forget()
    this.#timers.clear()
  }
}
