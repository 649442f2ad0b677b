import { type Cancel, type Clock, describeError, type Logger, zeroize } from '../../base/index.ts'
import { type KeyMaterial, makeKey as makeKeyNow } from '../../crypto/index.ts'
import type { Envelope, Messenger, Topic, Utterance } from '../../p2p/index.ts'
import type { ShareVault } from '../../signer/index.ts'
import {
  disposeKeygen,
  effectName,
  type KeygenEffect,
  type KeygenEvent,
  type KeygenFault,
  type KeygenResult,
  type KeygenState,
  keygenStep,
} from '../keygen/index.ts'
import type { KeygenProgress } from '../pending/session.types.ts'
import type { AttemptLog } from '../pending/types.ts'
import type { MakesKeys } from './keygen-threads.ts'

/** A new key's first shares; refreshes count from here. */
export const EPOCH = 0
/** A share without its certificate is staged (R20). */
const STAGED = new Uint8Array(0)

const makeKeyHere: MakesKeys = async (material) => makeKeyNow(material)

/** What a machine's effects are performed with. */
export interface KeygenTools {
  readonly topic: Topic
  readonly messenger: Messenger
  readonly vault: ShareVault
  readonly clock: Clock
  /** Left out: nothing is kept beyond this process. */
  readonly attempts?: AttemptLog | undefined
  /** Left out: keys are made on the event loop. */
  readonly makeKey?: MakesKeys | undefined
}

/** What the attempt comes to. */
export interface KeygenOutcome {
  readonly onDone: (result: KeygenResult) => void
  /** Whoever is told drops the attempt. */
  readonly onAborted: (end: Extract<KeygenEffect, { kind: 'aborted' }>) => void
  /** A fault that ends nothing. */
  readonly onFound: (fault: KeygenFault) => void
  /** Who is waited for beyond the time of a step; undefined: nobody any more. */
  readonly onWaiting: (waiting: KeygenProgress['waiting']) => void
}

/** One machine of keygen and the world around it: performs its effects, and tells it what comes of them until it is dropped. */
export class KeygenAttempt {
  readonly #c: KeygenTools
  readonly #outcome: KeygenOutcome
  readonly #logger: Logger
  readonly #timers = new Map<string, Cancel>()
  readonly #giveUp = new AbortController()
  #state: KeygenState
  #isOver = false

  constructor(tools: KeygenTools, outcome: KeygenOutcome, logger: Logger, state: KeygenState) {
    this.#c = tools
    this.#outcome = outcome
    this.#logger = logger
    this.#state = state
  }

  get state(): KeygenState {
    return this.#state
  }

  step(event: KeygenEvent): void {
    if (this.#isOver) return
    const { state, effects } = keygenStep(this.#state, event)
    this.#state = state
    for (const effect of effects) this.#perform(effect)
  }

  deliver(e: Envelope): void {
    this.step({ kind: 'message', author: e.author, boot: e.boot, step: e.step, payload: e.payload, wire: e.wire })
  }

  /** Nothing is said or told from here on. The state is given back with its secrets: for whoever goes on with it, or disposes of it. */
  leave(): KeygenState {
    this.#isOver = true
    for (const cancel of this.#timers.values()) cancel()
    this.#timers.clear()
    this.#giveUp.abort()
    return this.#state
  }

  drop(): KeygenState {
    const state = this.leave()
    disposeKeygen(state)
    return state
  }

  #perform(effect: KeygenEffect): void {
    const { topic, messenger, clock } = this.#c
    if (effect.kind !== 'arm' && effect.kind !== 'disarm')
      this.#logger.debug('Keygen step', { step: effectName(effect), attempt: this.#state.params.attempt })
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
      case 'compute':
        this.#compute(effect.material)
        return
      case 'commit':
        this.#commit(effect)
        return
      case 'late':
        this.#outcome.onWaiting({ step: effect.step, missing: effect.missing, restarts: effect.restarts ?? [] })
        return
      case 'found':
        this.#outcome.onFound(effect.fault)
        return
      case 'arm':
        if (effect.name === 'step') this.#outcome.onWaiting(undefined)
        this.#timers.get(effect.name)?.()
        this.#timers.set(
          effect.name,
          clock.after(effect.delayMs, () => this.step({ kind: 'timer', name: effect.name })),
        )
        return
      case 'disarm':
        this.#timers.get(effect.name)?.()
        this.#timers.delete(effect.name)
        return
      case 'done':
        this.#outcome.onDone(effect.result)
        return
      case 'aborted':
        this.#outcome.onAborted(effect)
        return
    }
  }

  #publish(utterance: Utterance): void {
    const publish = async () => {
      const { wire, boot } = await this.#c.messenger.publish(this.#c.topic, utterance)
      this.step({ kind: 'published', step: utterance.step, wire, boot })
    }
    this.#detach(publish(), 'Publishing failed')
  }

  #persist({ transcript, key }: Extract<KeygenEffect, { kind: 'persist' }>): void {
    const { attempts, vault } = this.#c
    const { attempt } = this.#state.params
    const persist = async () => {
      await vault.put({ transcript, epoch: EPOCH, key, certificate: STAGED })
      // A later attempt may have begun meanwhile, and is the last one now.
      if (this.#isOver) return
      await attempts?.save({ attempt, staged: transcript, certified: false })
      // R20: only now may this node certify.
      this.step({ kind: 'persisted', transcript })
    }
    persist().catch((error: unknown) => {
      this.#logger.error('Storing the staged share failed', { error: describeError(error) })
      this.step({ kind: 'not_persisted', transcript, error })
    })
  }

  #compute(material: KeyMaterial): void {
    const { makeKey = makeKeyHere } = this.#c
    makeKey(material, this.#giveUp.signal).then(
      (made) => {
        if (this.#isOver && made.kind === 'key') zeroize(made.key.signingShare)
        this.step({ kind: 'computed', made })
      },
      (error: unknown) => {
        this.#logger.error('Making the key failed', { error: describeError(error) })
        this.step({ kind: 'computed', made: undefined, error })
      },
    )
  }

  /** With our trial share the others may finish this key after we are gone. Asked for again until it is done. */
  #commit({ transcript }: Extract<KeygenEffect, { kind: 'commit' }>): void {
    const { attempt } = this.#state.params
    const commit = async () => {
      // Later ones may have been begun, and their numbers serve once, too.
      const last = Math.max(attempt, this.#c.attempts?.last?.attempt ?? 0)
      await this.#c.attempts?.save({ attempt: last, staged: transcript, stagedIn: attempt, certified: true })
      this.step({ kind: 'committed', transcript })
    }
    this.#detach(commit(), 'Storing that all have confirmed failed')
  }

  /** The machine's resends and deadlines answer for failures here. */
  #detach(work: Promise<unknown>, message: string): void {
    work.catch((error: unknown) => this.#logger.debug(message, { error: describeError(error) }))
  }
}
