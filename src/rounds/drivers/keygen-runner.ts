import { type Cancel, describeError, type Logger, type PublicKey, type TranscriptHash } from '../../base/index.ts'
import { aggregatePublicKey } from '../../crypto/index.ts'
import type { Envelope, Verdict } from '../../p2p/index.ts'
import {
  type KeygenAbort,
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
import { EarlyEnvelopes } from './early-envelopes.ts'
import { EPOCH, KeygenAttempt, type KeygenTools } from './keygen-attempt.ts'
import { markGivenUp, parkKeygen, takeParkedKeygen } from './parked-keygens.ts'

/** Pause before a new attempt, so that a member that fails at once does not spin. */
const RETRY_MS = 1_000

export interface KeygenRunnerInit extends KeygenTools {
  readonly spec: PendingSpec
  readonly self: PublicKey
  readonly logger: Logger
  readonly onProposal: (proposal: VerifiedProposal) => void
  readonly onChange: () => void
  /** Told how every attempt failed: what of it can be proven is evidence (DESIGN §9). */
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
  #attempt = 0
  #begunAtMs = Number.NEGATIVE_INFINITY
  #machine: KeygenAttempt | undefined
  #phase: KeygenProgress['phase'] = 'idle'
  #lastFailure: KeygenFailure | undefined
  #waiting: KeygenProgress['waiting']
  #cancelRetry: Cancel = () => {}

  constructor(init: KeygenRunnerInit) {
    this.#c = init
    this.#logger = init.logger.child('keygen')
  }

  progress(): KeygenProgress {
    const waiting = this.#phase === 'running' ? this.#waiting : undefined
    return { phase: this.#phase, attempt: this.#attempt, lastFailure: this.#lastFailure, waiting }
  }

  start(): void {
    if (this.#phase !== 'idle') return
    const last = this.#c.attempts?.last
    if (last?.staged === undefined) this.#begin(Math.max(this.#attempt, last?.attempt ?? 0) + 1)
    else this.#resume(last, last.staged)
  }

  stop(): void {
    this.#cancelRetry()
    if (this.#phase === 'running' && this.#machine?.state.said.confirm !== undefined) {
      parkKeygen(this.#c.messenger, this.#machine.leave())
      this.#machine = undefined
    }
    this.#drop()
    if (this.#phase === 'running') this.#phase = 'idle'
  }

  onEnvelope(envelope: Envelope): Verdict {
    const { step } = envelope
    // Shares never travel by gossip, and what all must see never by a direct stream.
    if (viaOf(step) !== envelope.via) return 'ignore'
    const { attempt } = envelope
    if (attempt < this.#attempt) return 'ignore'
    if (attempt === this.#attempt && this.#machine !== undefined) {
      this.#machine.deliver(envelope)
      return 'accept'
    }
    if (this.#phase === 'done' || this.#phase === 'failed') return 'ignore'
    this.#early.add(envelope)
    this.#follow()
    return 'accept'
  }

  /**
   * Somebody gave up on our attempt: keygen needs all, so it can't succeed any more. One member moves us one attempt on;
   * further only two who agree do, and never faster than attempts are retried, so that nobody can spin the others.
   */
  #follow(): void {
    const ahead = this.#early.beyond(this.#attempt)
    if (ahead.length === 0 || this.#phase !== 'running') return
    const waitMs = Math.max(0, this.#begunAtMs + RETRY_MS - this.#c.clock.now())
    this.#cancelRetry()
    this.#cancelRetry = this.#c.clock.after(waitMs, () => {
      // With our trial share that key may be finished without us, at any time: no other is made beside it (R20).
      if (this.#machine?.state.certified !== true) this.#begin(ahead[1] ?? this.#attempt + 1)
    })
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

  #begin(attempt: number): void {
    this.#prepare(attempt)
    this.#logger.info('Keygen attempt', { pendingId: this.#c.spec.id, attempt })
    const save = async () => {
      this.#logger.debug('Keygen step', { step: 'begin' })
      await this.#c.attempts?.save({ attempt, certified: false })
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
  #resume({ attempt, certified }: AttemptRecord, transcript: TranscriptHash): void {
    const staged = this.#c.vault.byTranscript(transcript)
    if (staged === undefined) {
      this.#attempt = attempt
      if (!certified) this.#begin(attempt + 1)
      else this.#failed('the staged share of a confirmed key is gone')
      return
    }
    const parked = takeParkedKeygen(this.#c.messenger, this.#c.spec.id, attempt)
    if (parked === 'given_up') {
      // It would confirm again with other words in the same slot (R16).
      this.#attempt = attempt
      if (certified) this.#failed('it failed before in this process')
      else this.#begin(attempt + 1)
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
    this.#begunAtMs = this.#c.clock.now()
    this.#phase = 'running'
  }
  /** Nothing has overtaken the attempt while its number was written. */
  #isPreparing = (attempt: number): boolean =>
    this.#attempt === attempt && this.#phase === 'running' && this.#machine === undefined

  #run(first: KeygenEvent): void {
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
    this.#go(state, first)
  }

  #go(state: KeygenState, ...first: readonly KeygenEvent[]): void {
    const outcome = {
      onDone: (result: KeygenResult) => this.#done(result),
      onAborted: (end: { readonly reason: KeygenAbort; readonly certified: boolean }) => this.#aborted(end),
      onWaiting: (waiting: KeygenProgress['waiting']) => this.#wait(waiting),
    }
    const machine = new KeygenAttempt(this.#c, outcome, this.#logger, state)
    this.#machine = machine
    for (const event of first) machine.step(event)
    for (const envelope of this.#early.take(this.#attempt)) machine.deliver(envelope)
    this.#follow()
    this.#c.onChange()
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
        this.#aborted({ reason: { kind: 'internal', error }, certified: true })
      },
    )
  }

  /** The machine stays: it repeats itself for those who are not done yet, until the pending set is over. */
  #finish(): void {
    if (this.#phase === 'done') return
    this.#cancelRetry()
    this.#phase = 'done'
    this.#logger.info('Keygen done', { pendingId: this.#c.spec.id, attempt: this.#attempt })
    this.#c.onChange()
  }

  #aborted({ reason, certified }: { readonly reason: KeygenAbort; readonly certified: boolean }): void {
    const failure = failureOf(this.#attempt, reason)
    this.#lastFailure = failure
    this.#c.onAborted?.(this.#c.spec, reason)
    this.#logger.warn('Keygen attempt failed', { ...failure })
    this.#drop()
    if (this.#phase === 'done') return
    // Another attempt could end in a second proven key under one pending id, and split the co-signers for good.
    if (certified) {
      this.#failed(failure.reason, failure)
      return
    }
    this.#cancelRetry = this.#c.clock.after(RETRY_MS, () => this.#begin(this.#attempt + 1))
    this.#c.onChange()
  }

  #failed(reason: string, failure: Partial<KeygenFailure> = {}): void {
    this.#cancelRetry()
    this.#phase = 'failed'
    this.#lastFailure = { attempt: this.#attempt, blamed: [], silent: [], ...failure, reason }
    this.#logger.warn('All had confirmed this key: approve the set again with the next attempt number', {
      pendingId: this.#c.spec.id,
    })
    this.#c.onChange()
  }

  #drop(): void {
    const state = this.#machine?.drop()
    if (state?.said.confirm !== undefined) markGivenUp(this.#c.messenger, state)
    this.#machine = undefined
    this.#waiting = undefined
  }
}
