import { type Cancel, type Clock, describeError, LIMITS, type Logger, type PublicKey } from '../../base/index.ts'
import { aggregatePublicKey } from '../../crypto/index.ts'
import type { Envelope, Messenger, Topic, Utterance, Verdict } from '../../p2p/index.ts'
import type { ShareVault } from '../../signer/index.ts'
import {
  disposeKeygen,
  isKeygenStep,
  KEYGEN_STEPS,
  type KeygenAbort,
  type KeygenEffect,
  type KeygenEvent,
  type KeygenResult,
  type KeygenState,
  keygenStep,
  newKeygen,
} from '../keygen/index.ts'
import { failureOf } from '../pending/keygen-failure.ts'
import type { KeygenRunner } from '../pending/session.ts'
import type { KeygenFailure, KeygenProgress } from '../pending/session.types.ts'
import type { ConfirmedMark, PendingSpec, VerifiedProposal } from '../pending/types.ts'

/** Pause before a new attempt, so that a member that fails at once does not spin. */
const RETRY_MS = 1_000
/** A new key's first shares; refreshes count from here. */
const EPOCH = 0
/** A share without its certificate is staged (R20). */
const STAGED = new Uint8Array(0)

export interface KeygenRunnerInit {
  readonly spec: PendingSpec
  readonly topic: Topic
  readonly self: PublicKey
  readonly messenger: Messenger
  readonly vault: ShareVault
  readonly clock: Clock
  readonly logger: Logger
  readonly onProposal: (proposal: VerifiedProposal) => void
  readonly onChange: () => void
  /** Told how every attempt failed: what of it can be proven is evidence (DESIGN §9). */
  readonly onAborted?: ((spec: PendingSpec, reason: KeygenAbort) => void) | undefined
  /** Left out: nothing is kept beyond this process. */
  readonly confirmed?: ConfirmedMark | undefined
}

/** Drives keygen attempts for one pending set: performs the machine's effects, and starts the next attempt when one aborts. */
export class DefaultKeygenRunner implements KeygenRunner {
  readonly #c: KeygenRunnerInit
  readonly #logger: Logger
  readonly #timers = new Map<string, Cancel>()
  readonly #early = new Map<PublicKey, Envelope[]>()
  #attempt = 0
  #begunAtMs = Number.NEGATIVE_INFINITY
  /** All members have confirmed this attempt: its key may exist (R20). */
  #committed = false
  #state: KeygenState | undefined
  #phase: KeygenProgress['phase'] = 'idle'
  #lastFailure: KeygenFailure | undefined
  #cancelRetry: Cancel = () => {}

  constructor(init: KeygenRunnerInit) {
    this.#c = init
    this.#logger = init.logger.child('keygen')
    if (init.confirmed?.made === true) this.#wasConfirmed()
  }

  progress(): KeygenProgress {
    return { phase: this.#phase, attempt: this.#attempt, lastFailure: this.#lastFailure }
  }

  start(): void {
    if (this.#phase === 'idle') this.#begin(this.#attempt + 1)
  }

  stop(): void {
    this.#cancelRetry()
    this.#drop()
    if (this.#phase === 'running') this.#phase = 'idle'
  }

  onEnvelope(envelope: Envelope): Verdict {
    const { step } = envelope
    // Shares never travel by gossip, and what all must see never by a direct stream.
    if (!isKeygenStep(step) || KEYGEN_STEPS[step].via !== envelope.via) return 'ignore'
    const { attempt, author } = envelope
    if (attempt < this.#attempt) return 'ignore'
    if (attempt === this.#attempt && this.#state !== undefined) {
      this.#deliver(envelope)
      return 'accept'
    }
    if (this.#phase === 'done' || this.#phase === 'failed') return 'ignore'
    const early = this.#early.get(author) ?? []
    if (early.length >= LIMITS.maxEarlyPerAuthor) early.shift()
    this.#early.set(author, [...early, envelope])
    if (this.#phase === 'running') this.#follow()
    return 'accept'
  }

  /**
   * Somebody gave up on our attempt: keygen needs all, so it can't succeed any more. One member moves us one attempt on;
   * further only two who agree do, and never faster than attempts are retried, so that nobody can spin the others.
   */
  #follow(): void {
    const ahead = [...this.#early.values()]
      .map((envelopes) => Math.max(...envelopes.map((e) => e.attempt)))
      .filter((attempt) => attempt > this.#attempt)
      .toSorted((a, b) => b - a)
    if (ahead.length === 0 || this.#committed) return
    const waitMs = Math.max(0, this.#begunAtMs + RETRY_MS - this.#c.clock.now())
    this.#cancelRetry()
    this.#cancelRetry = this.#c.clock.after(waitMs, () => this.#begin(ahead[1] ?? this.#attempt + 1))
  }

  async adopt({ transcript, certificate }: VerifiedProposal): Promise<void> {
    const { vault, spec, self } = this.#c
    if (spec.keys.includes(self)) {
      const staged = vault.byTranscript(transcript)
      if (staged === undefined) throw new Error('this node staged no share of that transcript')
      await vault.put({ ...staged, certificate })
    }
    this.#finish()
  }

  #begin(attempt: number): void {
    this.#cancelRetry()
    this.#drop()
    this.#attempt = attempt
    this.#begunAtMs = this.#c.clock.now()
    this.#committed = false
    const { spec, self, topic } = this.#c
    this.#state = newKeygen({
      network: topic.network,
      pendingId: spec.id,
      members: spec.keys,
      threshold: spec.threshold,
      self,
      attempt,
      epoch: EPOCH,
    })
    this.#phase = 'running'
    this.#logger.info('Keygen attempt', { pendingId: spec.id, attempt })
    this.#step({ kind: 'start' })
    const early = [...this.#early.values()].flat()
    this.#early.clear()
    for (const envelope of early) {
      if (envelope.attempt === attempt) this.#deliver(envelope)
      else if (envelope.attempt > attempt)
        this.#early.set(envelope.author, [...(this.#early.get(envelope.author) ?? []), envelope])
    }
    this.#c.onChange()
  }

  #deliver(e: Envelope): void {
    this.#step({ kind: 'message', author: e.author, boot: e.boot, step: e.step, payload: e.payload, wire: e.wire })
  }

  #step(event: KeygenEvent): void {
    if (this.#state === undefined) return
    const { state, effects } = keygenStep(this.#state, event)
    this.#state = state
    for (const effect of effects) this.#perform(effect)
  }

  #perform(effect: KeygenEffect): void {
    const { topic, messenger, clock } = this.#c
    switch (effect.kind) {
      case 'publish':
        this.#publish(effect.utterance)
        return
      case 'send':
        this.#detach(messenger.send(effect.to, topic, effect.utterance), 'Sending a share failed')
        return
      case 'persist':
        this.#persist(effect)
        return
      case 'arm':
        this.#timers.get(effect.name)?.()
        this.#timers.set(
          effect.name,
          clock.after(effect.delayMs, () => this.#step({ kind: 'timer', name: effect.name })),
        )
        return
      case 'disarm':
        this.#timers.get(effect.name)?.()
        this.#timers.delete(effect.name)
        return
      case 'done':
        this.#done(effect.result)
        return
      case 'aborted':
        this.#aborted(effect.reason)
        return
    }
  }

  /** Before this start: the key may exist, so no other is made; whoever has proven it may still hand it over. */
  #wasConfirmed(): void {
    this.#committed = true
    this.#phase = 'failed'
    this.#lastFailure = {
      attempt: this.#attempt,
      reason: 'this node restarted after all members had confirmed a key',
      blamed: [],
      silent: [],
    }
  }

  #persist(effect: Extract<KeygenEffect, { kind: 'persist' }>): void {
    const attempt = this.#attempt
    this.#detach(
      this.#c.vault
        .put({ transcript: effect.transcript, epoch: EPOCH, key: effect.key, certificate: STAGED })
        .then(() => {
          // R20: only now may this node certify; a later attempt may have begun meanwhile.
          if (attempt === this.#attempt) this.#step({ kind: 'persisted', transcript: effect.transcript })
        }),
      'Storing the staged share failed',
    )
  }

  #publish(utterance: Utterance): void {
    const attempt = this.#attempt
    // The machine says its trial share only when every member has confirmed.
    const isTrial = utterance.step === 'trial'
    if (isTrial) this.#committed = true
    const publish = async () => {
      // A duty is persisted before it is performed: with our share the others may finish this key after we are gone.
      if (isTrial) await this.#c.confirmed?.make()
      const { wire } = await this.#c.messenger.publish(this.#c.topic, utterance)
      if (attempt === this.#attempt) this.#step({ kind: 'published', step: utterance.step, wire })
    }
    this.#detach(publish(), 'Publishing failed')
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
        this.#aborted({ kind: 'internal', error })
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

  #aborted(reason: KeygenAbort): void {
    this.#lastFailure = failureOf(this.#attempt, reason)
    this.#c.onAborted?.(this.#c.spec, reason)
    this.#logger.warn('Keygen attempt failed', { ...this.#lastFailure })
    this.#drop()
    if (this.#phase === 'done') return
    if (this.#committed) {
      // Another attempt could end in a second proven key under one pending id, and split the co-signers for good.
      this.#phase = 'failed'
      this.#logger.warn('All had confirmed this key: approve the set again with the next attempt number', {
        pendingId: this.#c.spec.id,
      })
      this.#c.onChange()
      return
    }
    this.#cancelRetry = this.#c.clock.after(RETRY_MS, () => this.#begin(this.#attempt + 1))
    this.#c.onChange()
  }

  #drop(): void {
    for (const cancel of this.#timers.values()) cancel()
    this.#timers.clear()
    if (this.#state !== undefined) disposeKeygen(this.#state)
    this.#state = undefined
  }

  /** Failures here are the network's or the disk's: the machine's resends and deadlines answer for them. */
  #detach(work: Promise<unknown>, message: string): void {
    work.catch((error: unknown) => this.#logger.debug(message, { error: describeError(error) }))
  }
}
