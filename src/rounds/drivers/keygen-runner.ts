import { type Cancel, describeError, type Logger, type PublicKey, type TranscriptHash } from '../../base/index.ts'
import { aggregatePublicKey } from '../../crypto/index.ts'
import type { Envelope, Verdict } from '../../p2p/index.ts'
import {
  type KeygenAbort,
  type KeygenEffect,
  type KeygenEvent,
  type KeygenResult,
  type KeygenState,
  newKeygen,
  viaOf,
} from '../keygen/index.ts'
import { failureOf } from '../pending/keygen-failure.ts'
import type { KeygenRunner } from '../pending/session.ts'
import type { KeygenFailure, KeygenProgress } from '../pending/session.types.ts'
import type { AttemptRecord, PendingSpec, VerifiedProposal } from '../pending/types.ts'
import { AttemptPace, MAX_ATTEMPT, RETRY_MS } from './attempt-pace.ts'
import { EarlyEnvelopes } from './early-envelopes.ts'
import { EPOCH, KeygenAttempt, type KeygenOutcome, type KeygenTools } from './keygen-attempt.ts'
import { LeftTranscript, type WayBack } from './left-transcript.ts'
import { markGivenUp, parkKeygen, takeParkedKeygen } from './parked-keygens.ts'

/** Between two times that a certificate is shown to those that left it. */
const ANSWER_MS = 2_000

export interface KeygenRunnerInit extends KeygenTools {
  readonly spec: PendingSpec
  readonly self: PublicKey
  readonly logger: Logger
  readonly onProposal: (proposal: VerifiedProposal) => void
  readonly onChange: () => void
  /** Told how every attempt failed, and what was found beside: what of it can be proven is evidence (docs/ROUNDS.md). */
  readonly onAborted?: ((spec: PendingSpec, reason: KeygenAbort) => void) | undefined
}

/**
 * Drives keygen attempts for one pending set, one after the other: starts the next attempt when one aborts. A
 * transcript whose share was staged before a restart is finished and not begun anew: this node may have confirmed it, so the
 * others wait for it (R20).
 */
export class DefaultKeygenRunner implements KeygenRunner {
  readonly #c: KeygenRunnerInit
  readonly #logger: Logger
  readonly #early = new EarlyEnvelopes()
  readonly #pace = new AttemptPace()
  readonly #left: LeftTranscript
  #attempt = 0
  #answeredAtMs = Number.NEGATIVE_INFINITY
  #machine: KeygenAttempt | undefined
  #phase: KeygenProgress['phase'] = 'idle'
  #lastFailure: KeygenFailure | undefined
  #waiting: KeygenProgress['waiting']
  #cancelRetry: Cancel = () => {}

  constructor(init: KeygenRunnerInit) {
    this.#c = init
    this.#logger = init.logger.child('keygen')
    this.#left = new LeftTranscript({ ...init, revive: (state) => this.#attemptOf(state) })
  }

  progress(): KeygenProgress {
    const waiting = this.#phase === 'running' ? this.#waiting : undefined
    return { phase: this.#phase, attempt: this.#attempt, lastFailure: this.#lastFailure, waiting }
  }

  start(): void {
    if (this.#phase !== 'idle') return
    const last = this.#c.attempts?.last
    if (last?.staged !== undefined && (last.certified || stagedIn(last) === last.attempt)) {
      this.#resume(last, last.staged)
      return
    }
    if (last?.staged !== undefined) this.#left.recall(last.attempt, stagedIn(last), last.staged)
    this.#begin(Math.max(this.#attempt, last?.attempt ?? 0) + 1)
  }

  stop(): void {
    this.#cancelRetry()
    if (this.#phase === 'running' && this.#machine?.state.said.confirm !== undefined) {
      this.#left.forget()
      parkKeygen(this.#c.messenger, this.#machine.leave())
      this.#machine = undefined
    }
    this.#left.park()
    this.#drop()
    if (this.#phase === 'running') this.#phase = 'idle'
  }

  onEnvelope(envelope: Envelope): Verdict {
    const { step } = envelope
    // Shares never travel by gossip, and what all must see never by a direct stream.
    if (viaOf(step) !== envelope.via) return 'ignore'
    if (step === 'certified') return this.#onCertified(envelope)
    const { attempt } = envelope
    if (this.#left.hear(envelope)) return 'accept'
    if (attempt < this.#attempt) return 'ignore'
    if (attempt === this.#attempt && this.#machine !== undefined) {
      this.#machine.deliver(envelope)
      return 'accept'
    }
    if (this.#phase === 'done' || this.#phase === 'failed') return 'ignore'
    this.#early.add(envelope, this.#c.clock.monotonicMs())
    this.#follow()
    return 'accept'
  }

  /**
   * Somebody is in a later attempt: keygen needs all, so this one can't succeed any more. It is left for it, but never sooner than
   * attempts are retried, so that nobody can spin the others; and not at all once all have confirmed: with our trial share that key
   * may be finished without us, at any time, so those that left it are called back (R20).
   */
  #follow(): void {
    const now = this.#c.clock.monotonicMs()
    const [first] = this.#early.beyond(this.#attempt, now)
    if (first === undefined || this.#phase !== 'running') return
    const overtaken = { kind: 'overtaken', by: first.member, attempt: first.attempt } as const
    if (this.#machine?.state.certified === true) {
      if (now - this.#answeredAtMs < ANSWER_MS) return
      this.#answeredAtMs = now
      this.#machine.step(overtaken)
      return
    }
    this.#cancelRetry()
    this.#cancelRetry = this.#c.clock.after(this.#pace.waitMs(now), () => {
      if (this.#machine === undefined) this.#beginNext()
      else if (!this.#machine.state.certified) this.#machine.step(overtaken)
    })
  }

  /** Somebody holds a transcript that this node has confirmed, too: it goes on with that one, wherever it is now (R20). */
  #onCertified(envelope: Envelope): Verdict {
    const way = this.#phase === 'running' ? this.#left.wayBack(envelope, this.#machine) : undefined
    if (way === undefined) return 'ignore'
    this.#goBack(way)
    return 'accept'
  }

  #goBack({ to, certified }: WayBack): void {
    this.#logger.info('Keygen goes on with a transcript that all have confirmed', {
      pendingId: this.#c.spec.id,
      attempt: to.attempt,
      transcript: to.transcript,
    })
    if (to.machine === this.#machine && to.machine !== undefined) {
      to.machine.step(certified)
      return
    }
    const machine = this.#left.takeMachine()
    this.#prepare(to.attempt)
    if (machine === undefined)
      this.#run({ kind: 'resume', transcript: to.transcript, key: to.key, certified: false }, certified)
    else {
      this.#machine = machine
      machine.step(certified)
    }
    this.#c.onChange()
  }

  async adopt({ transcript, certificate }: VerifiedProposal): Promise<void> {
    const { vault, spec, self } = this.#c
    if (spec.keys.includes(self)) {
      const staged = vault.byTranscript(transcript)
      if (staged === undefined) throw new Error('this node staged no share of that transcript')
      await vault.put({ ...staged, certificate })
    }
    this.#drop()
    this.#finish()
  }

  #beginNext(): void {
    this.#begin(this.#pace.nextAfter(this.#attempt, this.#early.beyond(this.#attempt, this.#c.clock.monotonicMs())))
  }

  #begin(attempt: number): void {
    if (attempt > MAX_ATTEMPT) {
      this.#failed('its attempt numbers are used up')
      return
    }
    this.#prepare(attempt)
    this.#logger.info('Keygen attempt', { pendingId: this.#c.spec.id, attempt })
    const save = async () => {
      this.#logger.debug('Keygen step', { step: 'begin' })
      await this.#c.attempts?.save({ ...stagedBefore(this.#c.attempts.last), attempt, certified: false })
    }
    save().then(
      () => {
        if (this.#isPreparing(attempt)) this.#run({ kind: 'start' })
      },
      (error: unknown) => {
        this.#logger.error('Storing the attempt failed', { error: describeError(error) })
        if (this.#isPreparing(attempt)) this.#cancelRetry = this.#c.clock.after(RETRY_MS, () => this.#begin(attempt))
      },
    )
    this.#c.onChange()
  }

  /** What this node may have confirmed, the others may be waiting for: it is finished, not begun anew (R20). */
  #resume(last: AttemptRecord, transcript: TranscriptHash): void {
    const { certified } = last
    const attempt = stagedIn(last)
    const staged = this.#c.vault.byTranscript(transcript)
    const parked = staged && takeParkedKeygen(this.#c.messenger, this.#c.spec.id, attempt)
    // Given up in this process: it would confirm again with other words in the same slot (R16).
    if (staged === undefined || parked === 'given_up') {
      this.#attempt = last.attempt
      if (!certified) this.#begin(last.attempt + 1)
      else this.#failed(staged ? 'it failed before in this process' : 'the staged share of a confirmed key is gone')
      return
    }
    if (parked?.phase.kind === 'left') {
      this.#left.keep(this.#attemptOf(parked))
      this.#begin(last.attempt + 1)
      return
    }
    this.#prepare(attempt)
    this.#logger.info('Keygen resumed', { pendingId: this.#c.spec.id, attempt, transcript })
    if (parked === undefined) this.#run({ kind: 'resume', transcript, key: staged.key, certified })
    else this.#go(parked, { kind: 'timer', name: 'resend' }, { kind: 'timer', name: 'step' })
  }

  #prepare(attempt: number): void {
    this.#cancelRetry()
    this.#drop()
    this.#attempt = attempt
    this.#pace.begun(this.#c.clock.monotonicMs())
    this.#phase = 'running'
  }
  /** Nothing has overtaken the attempt while its number was written. */
  #isPreparing = (attempt: number): boolean =>
    this.#attempt === attempt && this.#phase === 'running' && this.#machine === undefined

  #run(...first: readonly KeygenEvent[]): void {
    const { spec, self, topic } = this.#c
    const state = newKeygen({
      network: topic.network,
      pendingId: spec.id,
      members: spec.keys,
      threshold: spec.threshold,
      self,
      attempt: this.#attempt,
      epoch: EPOCH,
    })
    this.#go(state, ...first)
  }

  #go(state: KeygenState, ...first: readonly KeygenEvent[]): void {
    const machine = this.#attemptOf(state)
    this.#machine = machine
    for (const event of first) machine.step(event)
    for (const envelope of this.#early.take(this.#attempt)) machine.deliver(envelope)
    this.#follow()
    this.#c.onChange()
  }

  #attemptOf(state: KeygenState): KeygenAttempt {
    const outcome: KeygenOutcome = {
      onDone: (result) => this.#done(result),
      onAborted: (end) => this.#aborted(end),
      onFound: (fault) => this.#c.onAborted?.(this.#c.spec, { kind: 'fault', faults: [fault] }),
      onWaiting: (waiting) => this.#wait(waiting),
    }
    return new KeygenAttempt(this.#c, outcome, this.#logger, state)
  }

  #wait(waiting: KeygenProgress['waiting']): void {
    if (this.#phase === 'done') return
    this.#waiting = waiting
    if (waiting === undefined) return
    this.#logger.warn('Keygen waits', { attempt: this.#attempt, ...waiting })
    this.#c.onChange()
  }

  #done({ key, transcript, certificate, trialSignature }: KeygenResult): void {
    const aggregateKey = aggregatePublicKey(key.public)
    const proposal = { keygenAttempt: this.#attempt, transcript, aggregateKey, certificate, trialSignature }
    this.#c.vault.put({ transcript, epoch: EPOCH, key, certificate }).then(
      () => {
        this.#finish()
        this.#c.onProposal(proposal)
      },
      (error: unknown) => {
        this.#logger.error('Storing the certificate failed', { error: describeError(error) })
        this.#aborted({ reason: { kind: 'internal', error }, confirmed: transcript, certified: true })
      },
    )
  }

  /** The machine stays: it repeats itself for those who are not done yet, until the pending set is over. */
  #finish(): void {
    if (this.#phase === 'done') return
    this.#cancelRetry()
    this.#left.forget()
    this.#phase = 'done'
    this.#logger.info('Keygen done', { pendingId: this.#c.spec.id, attempt: this.#attempt })
    this.#c.onChange()
  }

  #aborted({ reason, confirmed, certified }: Omit<KeygenEnd, 'kind'>): void {
    const failure = failureOf(this.#attempt, reason)
    this.#lastFailure = failure
    this.#c.onAborted?.(this.#c.spec, reason)
    this.#logger.warn('Keygen attempt failed', { ...failure })
    if (this.#phase === 'done') {
      this.#drop()
      return
    }
    // Another attempt could end in a second proven key under one pending id, and split the co-signers for good.
    if (certified) {
      this.#drop()
      this.#failed(failure.reason, failure)
      return
    }
    const now = this.#c.clock.monotonicMs()
    this.#pace.ended(now, { confirmed: confirmed !== undefined, reason: reason.kind })
    if (confirmed === undefined) this.#drop()
    else if (this.#machine !== undefined) this.#left.keep(this.#machine)
    this.#machine = undefined
    this.#waiting = undefined
    this.#cancelRetry()
    this.#cancelRetry = this.#c.clock.after(this.#pace.waitMs(now), () => this.#beginNext())
    this.#c.onChange()
  }

  #failed(reason: string, failure: Partial<KeygenFailure> = {}): void {
    this.#cancelRetry()
    this.#left.forget()
    this.#phase = 'failed'
    this.#lastFailure = { attempt: this.#attempt, blamed: [], silent: [], ...failure, reason }
    this.#logger.warn('All had confirmed this key: approve the set again as its next approval attempt', {
      pendingId: this.#c.spec.id,
    })
    this.#c.onChange()
  }

  #drop(): void {
    const state = this.#machine?.drop()
    if (state !== undefined) this.#left.dealtIn(state)
    if (state?.said.confirm !== undefined) markGivenUp(this.#c.messenger, state)
    this.#machine = undefined
    this.#waiting = undefined
  }
}

type KeygenEnd = Extract<KeygenEffect, { kind: 'aborted' }>

const stagedIn = ({ stagedIn, attempt }: AttemptRecord): number => stagedIn ?? attempt
/** What is still staged when another attempt begins: all but this node may hold it as certified (R20). */
const stagedBefore = (last: AttemptRecord | undefined): Partial<AttemptRecord> =>
  last?.staged === undefined ? {} : { staged: last.staged, stagedIn: stagedIn(last) }
