import {
  type Counter,
  describeError,
  type Logger,
  type Metrics,
  type PublicKey,
  type SetHash,
} from '../../base/index.ts'
import type { Envelope, Messenger, Topic } from '../../p2p/index.ts'
import type { SignEffect, SignStep } from '../sign/index.ts'

export interface SignSpeechInit {
  readonly network: string
  readonly self: PublicKey
  readonly messenger: Messenger
  /** Is there a link to this member? */
  readonly isLinked?: ((member: PublicKey) => boolean) | undefined
  readonly logger: Logger
  readonly metrics: Metrics
  /** What did not reach a member; what is lost is said again by the machines. */
  readonly onUnsent: (step: SignStep, member: PublicKey) => void
  /** One's own word counts like anybody's: the coordinator is a participant, too. */
  readonly onOwn: (envelope: Envelope) => void
}
type Said<K extends SignEffect['kind']> = Extract<SignEffect, { kind: K }>

/** Says what the sign machines want said, on the set's sign topic. */
export class SignSpeech {
  readonly #c: SignSpeechInit
  readonly #unsent: Counter<'step'>

  constructor(init: SignSpeechInit) {
    this.#c = init
    this.#unsent = init.metrics.counter(
      'sign_unsent_total',
      'Messages of sign rounds that their receivers did not take',
      ['step'],
    )
  }

  topic(scope: SetHash): Topic {
    return { network: this.#c.network, scope, purpose: 'sign' }
  }

  publish({ setHash, round, attempt, step, payload }: Said<'publish'>): void {
    const { messenger, logger } = this.#c
    messenger
      .publish(this.topic(setHash), { round, attempt, step, payload })
      .catch((error: unknown) => logger.warn('Publishing failed', { step, error: describeError(error) }))
  }

  /** Requests and answers go straight to whom they are for. */
  send({ to, setHash, round, attempt, step, payload }: Said<'send'>): void {
    const { self, messenger, isLinked, logger, onUnsent, onOwn } = this.#c
    const others = to.filter((m) => m !== self)
    if (step === 'want' && isLinked !== undefined && !others.every(isLinked)) {
      for (const member of others) onUnsent(step, member)
      return
    }
    try {
      const said = messenger.sendEach(others, this.topic(setHash), { round, attempt, step, payload })
      // Not before the effects of this call are done.
      if (others.length < to.length || step === 'package') queueMicrotask(() => onOwn(said.envelope))
      void said.failures.then((failures) => {
        for (const [member, error] of failures) {
          this.#unsent.inc({ step })
          onUnsent(step, member)
          logger.debug('Not taken', { step, member, error: describeError(error) })
        }
      })
    } catch (error) {
      logger.warn('Sending failed', { step, error: describeError(error) })
    }
  }
}
