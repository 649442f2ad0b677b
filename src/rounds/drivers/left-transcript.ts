import type { Clock, PublicKey, TranscriptHash } from '../../base/index.ts'
import { aggregatePublicKey, type KeyPackage } from '../../crypto/index.ts'
import type { Envelope, Messenger } from '../../p2p/index.ts'
import type { ShareVault } from '../../signer/index.ts'
import { disposeKeygen, type KeygenEvent, type KeygenState } from '../keygen/index.ts'
import type { PendingSpec } from '../pending/types.ts'
import { confirmsOf, readCertified } from './certified-word.ts'
import type { KeygenAttempt } from './keygen-attempt.ts'
import { markGivenUp, parkKeygen, takeParkedKeygen } from './parked-keygens.ts'

/** Between two looks at what one member shows as a certificate: each takes n signature checks. */
const CERTIFIED_MS = 2_000

export interface LeftTranscriptInit {
  readonly spec: PendingSpec
  readonly messenger: Messenger
  readonly vault: ShareVault
  readonly clock: Clock
  /** Goes on with a machine that an earlier session of this process left. */
  readonly revive: (state: KeygenState) => KeygenAttempt
}

/** What was confirmed: by the machine itself, or in an earlier life of this node. */
interface Confirmed {
  readonly attempt: number
  readonly transcript: TranscriptHash
  readonly key: KeyPackage
  readonly machine: KeygenAttempt | undefined
}
export interface WayBack {
  readonly to: Confirmed
  readonly certified: Extract<KeygenEvent, { kind: 'certified' }>
}

/**
 * The last transcript that this node has confirmed in an attempt that it left, and the way back to it. Some may have heard all its
 * confirms before they heard of its end: they hold it for ever (R20), deal in no later attempt, and show its certificate to those
 * that left. Since a later attempt needs all to deal, no later transcript can be confirmed by anybody then; and whoever has confirmed
 * a later one knows that nobody holds an earlier one. So either is left behind by all, and there is one key in the end.
 */
export class LeftTranscript {
  readonly #c: LeftTranscriptInit
  #machine: KeygenAttempt | undefined
  #onDisk: { readonly attempt: number; readonly transcript: TranscriptHash } | undefined
  /** The last attempt in which each member was heard to deal, and this node dealt. */
  readonly #dealt = new Map<PublicKey, number>()
  #ownDeal = 0
  readonly #judgedAtMs = new Map<PublicKey, number>()

  constructor(init: LeftTranscriptInit) {
    this.#c = init
  }

  /** A machine that left its attempt, having confirmed: in place of any earlier one. */
  keep(machine: KeygenAttempt): void {
    this.forget()
    this.#machine = machine
  }

  /** After a restart, or when the set is approved again in one process. `last`: in all attempts up to it this node may have dealt. */
  recall(last: number, attempt: number, transcript: TranscriptHash): void {
    this.#ownDeal = last
    const { messenger, spec } = this.#c
    const parked = takeParkedKeygen(messenger, spec.id, attempt)
    if (parked === undefined) this.#onDisk = { attempt, transcript }
    // It would confirm again with other words in the same slot (R16).
    else if (parked !== 'given_up') this.#machine = this.#c.revive(parked)
  }

  /** For the next session of this process. */
  park(): void {
    if (this.#machine !== undefined) parkKeygen(this.#c.messenger, this.#machine.leave())
    this.#machine = undefined
  }

  /** There is another key, or another transcript that this node has confirmed. */
  forget(): void {
    const state = this.#machine?.leave()
    if (state !== undefined) {
      disposeKeygen(state)
      markGivenUp(this.#c.messenger, state)
    }
    this.#machine = undefined
    this.#onDisk = undefined
  }

  /** Notes whether this node has dealt in the attempt of that machine. */
  dealtIn({ said, params }: KeygenState): void {
    if (said.deal !== undefined) this.#ownDeal = Math.max(this.#ownDeal, params.attempt)
  }

  /** What others say in any attempt. True if it was said in the one that was left. */
  hear(e: Envelope): boolean {
    if (e.step === 'deal') this.#dealt.set(e.author, Math.max(e.attempt, this.#dealt.get(e.author) ?? 0))
    if (this.#machine?.state.params.attempt !== e.attempt) return false
    this.#machine.deliver(e)
    return true
  }

  /**
   * The way back, if `e` shows the certificate of what this node has confirmed last, and it is by the word of one that was heard to
   * deal in no later attempt. `running`: the attempt that is under way.
   */
  wayBack(e: Envelope, running: KeygenAttempt | undefined): WayBack | undefined {
    const { spec, clock } = this.#c
    if (running !== undefined) this.dealtIn(running.state)
    const to = this.#confirmed(e.attempt, running)
    const now = clock.monotonicMs()
    if (to === undefined || now - (this.#judgedAtMs.get(e.author) ?? Number.NEGATIVE_INFINITY) < CERTIFIED_MS)
      return undefined
    this.#judgedAtMs.set(e.author, now)
    const word = readCertified(spec, e)
    if (word === undefined || (this.#dealt.get(word.by) ?? 0) > e.attempt) return undefined
    const about = { transcript: to.transcript, aggregateKey: aggregatePublicKey(to.key.public) }
    const confirms = confirmsOf(spec, e, about, word.wires)
    const told = this.#ownDeal > e.attempt ? word.wire : undefined
    return confirms && { to, certified: { kind: 'certified', confirms, told } }
  }

  /** Whoever has taken the way back. */
  takeMachine(): KeygenAttempt | undefined {
    const machine = this.#machine
    this.#machine = undefined
    this.#onDisk = undefined
    return machine
  }

  #confirmed(attempt: number, running: KeygenAttempt | undefined): Confirmed | undefined {
    // What was confirmed later is what counts: nobody holds the earlier one, since all have dealt after it.
    const machine = running?.state.said.confirm === undefined ? this.#machine : running
    const phase = machine?.state.phase
    if (machine?.state.params.attempt === attempt && (phase?.kind === 'left' || phase?.kind === 'confirming'))
      return { attempt, transcript: phase.transcript, key: phase.key, machine }
    if (machine !== undefined || this.#onDisk?.attempt !== attempt) return undefined
    const staged = this.#c.vault.byTranscript(this.#onDisk.transcript)
    return staged && { attempt, transcript: staged.transcript, key: staged.key, machine: undefined }
  }
}
