import {
  type Cancel,
  type Clock,
  type Counter,
  describeError,
  type GroupKey,
  type Logger,
  type Metrics,
  type PublicKey,
  type SetHash,
  type Startable,
  type TranscriptHash,
} from '../../base/index.ts'
import type { KeyPackage } from '../../crypto/index.ts'
import type { Envelope, Messenger, Topic, Verdict } from '../../p2p/index.ts'
import type { Consent, SignResult, ThresholdRequest, ThresholdRounds } from '../../signer/index.ts'
import type { SignFault } from '../evidence/index.ts'
import { requestHash, SignBook, type SignEffect, type SignRequest } from '../sign/index.ts'
import { RoundWatch, type SignHealth } from './round-watch.ts'
import { Turns } from './turns.ts'

/** Rounds that one node coordinates at once: more would only share the same processors, and run out of time together. */
const MAX_COORDINATED = 32

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
  /** Told of every fault that messages show (DESIGN §9). */
  readonly onFault?: ((fault: SignFault) => void) | undefined
  /** This node's signer key. */
  readonly self: ConstructorParameters<typeof SignBook>[0]['self']
}

const FAILURES = {
  TIMEOUT: 'not enough signers answered in time',
  REFUSED: 'too many signers refused for the rest to make a signature',
  NO_KEY: 'this node holds no share of the key any more',
  OVERLOADED: 'too many signatures are being made at once',
  STOPPED: 'the round was stopped: the key was replaced or the node is stopping',
} as const

/** Performs what the sign machines ask for: publishes, timers, consent; answers the threshold service. */
export class SignDriver implements ThresholdRounds, Startable {
  readonly #c: SignDriverInit
  readonly #logger: Logger
  readonly #book: SignBook
  readonly #timers = new Map<string, Cancel>()
  readonly #turns: Turns
  readonly #watch: RoundWatch
  readonly #waiting = new Map<string, Set<(result: SignResult) => void>>()
  readonly #faults: Counter<'code'>
  readonly #refused: Counter<'reason'>
  #joined: { readonly setHash: SetHash; readonly leave: () => void } | undefined

  constructor(init: SignDriverInit) {
    this.#c = init
    this.#logger = init.logger.child('sign')
    this.#watch = new RoundWatch(init.clock)
    this.#turns = new Turns(MAX_COORDINATED, init.clock)
    this.#book = new SignBook({
      self: init.self,
      keyFor: (request) => {
        const active = init.activeKey()
        return active?.setHash === request.setHash && active.transcript === request.transcript ? active.key : undefined
      },
    })
    this.#faults = init.metrics.counter('sign_faults_total', 'Provable faults of members in sign rounds', ['code'])
    this.#refused = init.metrics.counter('sign_refusals_total', 'Messages of sign rounds not acted upon', ['reason'])
  }

  async start(): Promise<void> {
    this.refresh()
  }

  async stop(): Promise<void> {
    this.#leave()
  }

  /** The active key may have changed: leave the old set's topic, end its rounds, join the new one. */
  refresh(): void {
    const setHash = this.#c.activeKey()?.setHash
    if (this.#joined?.setHash === setHash) return
    this.#leave()
    if (setHash === undefined) return
    const topic: Topic = { network: this.#c.network, scope: setHash, purpose: 'sign' }
    const leave = this.#c.messenger.join(topic, (envelope) => this.#receive(envelope))
    this.#joined = { setHash, leave }
  }

  /** Rounds that hang, of those that this node coordinates. */
  health(): SignHealth {
    return this.#watch.health()
  }

  async sign(asked: ThresholdRequest, deadlineMs: number, signal?: AbortSignal): Promise<SignResult> {
    const active = this.#c.activeKey()
    if (signal?.aborted) return failure('STOPPED')
    if (active === undefined || active.groupKey !== asked.groupKey) return failure('NO_KEY')
    const { setHash, groupKey, transcript } = active
    const [item] = asked.items
    // A round holds one digest as yet, and members consent to whole requests only (R27).
    if (item === undefined || asked.items.length > 1) return failure('REFUSED')
    const { digest, tweak } = item
    const request: SignRequest = { groupKey, setHash, transcript, requestId: asked.requestId, digest, tweak }
    const round = requestHash(request)
    // Members that were told "not asked yet" by this node may ask it again (R27), also while its own round waits for a turn.
    this.#perform(this.#book.reconsider(round))
    if (!(await this.#turns.take(deadlineMs - this.#c.clock.now(), signal)))
      return failure(signal?.aborted ? 'STOPPED' : 'TIMEOUT')
    try {
      return await this.#coordinate(round, request, deadlineMs, signal)
    } finally {
      this.#turns.give()
    }
  }

  async #coordinate(
    round: string,
    request: SignRequest,
    deadlineMs: number,
    signal?: AbortSignal,
  ): Promise<SignResult> {
    this.refresh()
    // While it waited its turn, the caller may have left, and the set may have been replaced (R9).
    if (signal?.aborted || this.#c.activeKey()?.setHash !== request.setHash) return failure('STOPPED')
    const answered = this.#watch.watch(round, deadlineMs, this.#await(round, signal))
    this.#perform(this.#book.start(request, Math.max(0, deadlineMs - this.#c.clock.now())))
    return await answered
  }

  #await(round: string, signal: AbortSignal | undefined): Promise<SignResult> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(round) ?? new Set()
      this.#waiting.set(round, waiting)
      const settle = (result: SignResult) => {
        signal?.removeEventListener('abort', onAbort)
        waiting.delete(settle)
        if (waiting.size === 0) this.#waiting.delete(round)
        resolve(result)
      }
      const onAbort = () => {
        settle(failure('STOPPED'))
        if (!this.#waiting.has(round)) this.#perform(this.#book.cancel(round))
      }
      waiting.add(settle)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
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
        this.#publish(effect)
        return
      case 'arm':
        this.#timers.get(effect.id)?.()
        this.#timers.set(
          effect.id,
          this.#c.clock.after(effect.afterMs, () => {
            this.#timers.delete(effect.id)
            this.#perform(this.#book.timer(effect.id))
          }),
        )
        return
      case 'disarm':
        this.#timers.get(effect.id)?.()
        this.#timers.delete(effect.id)
        return
      case 'ask_consent':
        this.#ask(effect)
        return
      case 'done':
        this.#settle(effect.round, { ok: true, signatures: [effect.signature] })
        return
      case 'failed': {
        const { code, missing, cheaters } = effect
        this.#settle(effect.round, { ok: false, code, message: FAILURES[code], missing, cheaters })
        return
      }
      case 'fault':
        this.#faults.inc({ code: effect.code })
        this.#c.onFault?.({ code: effect.code, member: effect.member, wires: effect.wires })
        this.#logger.warn('A member sent a wrong share', { member: effect.member, round: effect.round })
        return
      case 'refused':
        this.#refused.inc({ reason: effect.reason })
        this.#logger.debug('Not acted upon', { author: effect.author, round: effect.round, reason: effect.reason })
        return
    }
  }

  #publish({ setHash, round, attempt, step, payload }: Extract<SignEffect, { kind: 'publish' }>): void {
    const topic: Topic = { network: this.#c.network, scope: setHash, purpose: 'sign' }
    this.#c.messenger.publish(topic, { round, attempt, step, payload }).then(
      // One's own word counts like anybody's: the machines wait for it (the coordinator is a participant, too).
      (envelope) => void this.#receive(envelope),
      (error: unknown) => this.#logger.warn('Publishing failed', { step, error: describeError(error) }),
    )
  }

  #ask({ id, coordinator, request }: Extract<SignEffect, { kind: 'ask_consent' }>): void {
    const { groupKey, requestId, digest, tweak } = request
    this.#c.consent({ groupKey, requestId, items: [{ digest, tweak }] }, coordinator).then(
      (answer) => this.#perform(this.#book.consent(id, answer)),
      (error: unknown) => {
        this.#logger.error('Consent could not be asked', { error: describeError(error) })
        // Not a refusal: the operator has said nothing, and the disk may answer next time.
        this.#perform(this.#book.consent(id, 'not_asked_yet'))
      },
    )
  }

  #settle(round: string, result: SignResult): void {
    for (const settle of [...(this.#waiting.get(round) ?? [])]) settle(result)
  }

  #leave(): void {
    if (this.#joined === undefined) return
    const { setHash, leave } = this.#joined
    this.#joined = undefined
    leave()
    this.#perform(this.#book.stop(setHash))
    this.#watch.forget()
    for (const cancel of this.#timers.values()) cancel()
    this.#timers.clear()
  }
}

const failure = (code: keyof typeof FAILURES): SignResult => ({
  ok: false,
  code,
  message: FAILURES[code],
  missing: [],
  cheaters: [],
})
