import {
  BoundedMap,
  type Cancel,
  type Clock,
  describeError,
  Emitter,
  type Logger,
  type PublicKey,
} from '../../base/index.ts'
import type { Envelope, Messenger, Topic, Verdict } from '../../p2p/index.ts'
import { CarrierBook, type Carry } from './carrier-book.ts'
import type { HandoffList, HeardHandoffs } from './handoff.ts'
import { HandoffEar } from './handoff-ear.ts'
import {
  decodeApproval,
  decodeCosignature,
  decodeProposal,
  encodeApproval,
  encodeCosignature,
  encodeHandoff,
  encodeProposal,
  PENDING_STEPS,
} from './messages.ts'
import type { KeygenProgress, PendingSession } from './session.types.ts'
import type { Cosignature, PendingSpec, VerifiedProposal } from './types.ts'

/** A message may be lost, and members come late: what still matters is said again at this interval. */
const REPEAT_MS = 2_000
/** Variants kept per co-signer: every member's namings at one nonce, a few times raised. */
const MAX_VARIANTS = 128

const variantOf = (c: Cosignature): string => `${c.transcript}/${c.nonce}/${c.feeUstx}`

/** Runs keygen attempts for a pending set (port: its driver lives beside the machine). */
export interface KeygenRunner {
  start(): void
  stop(): void
  onEnvelope(envelope: Envelope): Verdict
  progress(): KeygenProgress
  /** Takes over a key that others finished and proved, if this node's staged share belongs to it. */
  adopt(proposal: VerifiedProposal): Promise<void>
}

/** This operator's next key, where it has a part in the set: it approves and deals, while `self` co-signs (R7). */
export interface NextVoice {
  readonly publicKey: PublicKey
  readonly messenger: Pick<Messenger, 'publish'>
  /** `self`'s half of the statement that it carries this key. */
  readonly statement: Uint8Array
}

export interface PendingSessionInit {
  readonly spec: PendingSpec
  readonly network: string
  readonly self: PublicKey
  readonly messenger: Messenger
  readonly next: NextVoice | undefined
  readonly carry: Carry
  readonly keygen: (events: {
    readonly onProposal: (proposal: VerifiedProposal) => void
    readonly onChange: () => void
  }) => KeygenRunner
  /** R29: certificate of all n over this transcript and key, and the trial signature. */
  readonly verifyProposal: (proposal: VerifiedProposal) => boolean
  /** Proven before a restart; no keygen is needed any more. */
  readonly known: VerifiedProposal | undefined
  readonly clock: Clock
  readonly logger: Logger
}

export class DefaultPendingSession implements PendingSession {
  readonly spec: PendingSpec
  readonly changed = new Emitter<void>()
  readonly #c: PendingSessionInit
  readonly #topic: Topic
  readonly #logger: Logger
  readonly #keygen: KeygenRunner
  readonly #carriers: CarrierBook
  readonly #approvals = new Map<PublicKey, number>()
  /** Per author, the latest few variants (nonce and fee) that it signed; our own are said again until the end. */
  readonly #cosignatures = new Map<PublicKey, BoundedMap<string, Cosignature>>()
  readonly #ownCosignatures = new BoundedMap<string, Cosignature>(MAX_VARIANTS)
  readonly #handoffs: HandoffEar
  #ownHandoff: HandoffList | undefined
  #proposal: { readonly proposal: VerifiedProposal; readonly receivedAtMs: number } | undefined
  /** When each member's proposal was last looked at: proving one costs n signature checks. */
  readonly #judgedAtMs = new Map<PublicKey, number>()
  #unsaid: string | undefined
  #leave: () => void = () => {}
  #cancelRepeat: Cancel = () => {}

  constructor(init: PendingSessionInit) {
    this.#c = init
    this.spec = init.spec
    this.#logger = init.logger.child('pending')
    this.#topic = { network: init.network, scope: init.spec.id, purpose: 'keygen' }
    this.#carriers = new CarrierBook(init.spec, this.#topic, init.carry)
    this.#handoffs = new HandoffEar(init.spec)
    this.#keygen = init.keygen({
      onProposal: (proposal) => this.#accept(proposal),
      onChange: () => this.changed.emit(),
    })
  }

  start(): void {
    this.#leave = this.#c.messenger.join(this.#topic, (envelope) => this.#onEnvelope(envelope))
    const { known } = this.#c
    if (known !== undefined && this.#c.verifyProposal(known)) {
      // At once, so that nothing can begin a second keygen first; its share was certified before it was kept.
      this.#accept(known)
      this.#adopt(known)
    }
    this.#repeat()
  }

  stop(): void {
    this.#cancelRepeat()
    this.#leave()
    this.#carriers.stop()
    this.#keygen.stop()
  }

  announceApproval(expiresAtMs: number): void {
    const { self, next } = this.#c
    for (const own of next === undefined ? [self] : [self, next.publicKey]) this.#approvals.set(own, expiresAtMs)
    this.#sayApproval()
    this.changed.emit()
  }

  approved(): ReadonlySet<PublicKey> {
    const now = this.#c.clock.now()
    return new Set([...this.#approvals].filter(([, expiresAtMs]) => expiresAtMs > now).map(([key]) => key))
  }

  startKeygen(): void {
    if (this.#proposal === undefined) this.#keygen.start()
  }

  keygen(): KeygenProgress {
    return this.#keygen.progress()
  }

  proposal(): { readonly proposal: VerifiedProposal; readonly receivedAtMs: number } | undefined {
    return this.#proposal
  }

  announceCosignature(cosignature: Cosignature): void {
    this.#ownCosignatures.set(variantOf(cosignature), cosignature)
    this.#publish(PENDING_STEPS.cosign, encodeCosignature(cosignature))
  }

  cosignatures(): readonly Cosignature[] {
    return [...this.#cosignatures.values()].flatMap((variants) => [...variants.values()])
  }

  announceHandoff(list: HandoffList): void {
    this.#ownHandoff = list
    this.#sayHandoff()
  }

  handoffs(): HeardHandoffs {
    return this.#handoffs.lists
  }

  #onEnvelope(envelope: Envelope): Verdict {
    if (envelope.round !== this.spec.id) return 'ignore'
    switch (envelope.step) {
      case PENDING_STEPS.approve:
        return this.#onApproval(envelope)
      case PENDING_STEPS.proposal:
        return this.#onProposal(envelope)
      case PENDING_STEPS.cosign:
        return this.#onCosignature(envelope)
      case PENDING_STEPS.carrier:
        return this.#carriers.take(envelope)
      case PENDING_STEPS.handoff:
        return this.#onHandoff(envelope)
      default:
        return this.spec.keys.includes(envelope.author) ? this.#keygen.onEnvelope(envelope) : 'ignore'
    }
  }

  #onApproval(envelope: Envelope): Verdict {
    const approval = decodeApproval(envelope.payload, this.spec)
    if (approval === undefined) return 'ignore'
    const before = this.#approvals.get(envelope.author)
    this.#approvals.set(envelope.author, approval.expiresAtMs)
    if (before === undefined) {
      // A late member hears the others at once instead of at their next repetition.
      this.#sayApproval()
      this.changed.emit()
    }
    return 'accept'
  }

  #onProposal(envelope: Envelope): Verdict {
    if (this.#proposal !== undefined) return 'accept'
    const now = this.#c.clock.monotonicMs()
    if (now - (this.#judgedAtMs.get(envelope.author) ?? Number.NEGATIVE_INFINITY) < REPEAT_MS / 2) return 'ignore'
    this.#judgedAtMs.set(envelope.author, now)
    const proposal = decodeProposal(envelope.payload)
    if (proposal === undefined || !this.#c.verifyProposal(proposal)) {
      this.#logger.warn('Proposal without proof', { author: envelope.author })
      return 'ignore'
    }
    this.#adopt(proposal)
    return 'accept'
  }

  #adopt(proposal: VerifiedProposal): void {
    this.#keygen.adopt(proposal).then(
      () => this.#accept(proposal),
      (error: unknown) => this.#logger.warn('Proposal not adopted', { error: describeError(error) }),
    )
  }

  #onCosignature(envelope: Envelope): Verdict {
    const cosignature = decodeCosignature(envelope.payload, envelope.author)
    if (cosignature === undefined || !this.spec.currentKeys.includes(envelope.author)) return 'ignore'
    const variants = this.#cosignatures.get(envelope.author) ?? new BoundedMap<string, Cosignature>(MAX_VARIANTS)
    this.#cosignatures.set(envelope.author, variants)
    const news = variants.get(variantOf(cosignature)) === undefined
    if (news) variants.set(variantOf(cosignature), cosignature)
    if (news) this.changed.emit()
    return 'accept'
  }

  #onHandoff(envelope: Envelope): Verdict {
    const heard = this.#handoffs.hear(envelope)
    // As with approvals: a late member hears of ours at once.
    if (heard === 'first') this.#sayHandoff()
    if (heard === 'first' || heard === 'changed') this.changed.emit()
    return heard === 'refused' ? 'ignore' : 'accept'
  }

  #accept(proposal: VerifiedProposal): void {
    if (this.#proposal !== undefined) return
    this.#proposal = { proposal, receivedAtMs: this.#c.clock.monotonicMs() }
    this.#publish(PENDING_STEPS.proposal, encodeProposal(proposal))
    this.changed.emit()
  }

  #repeat(): void {
    this.#cancelRepeat = this.#c.clock.after(REPEAT_MS, () => {
      this.#sayApproval()
      this.#sayHandoff()
      if (this.#proposal !== undefined) this.#publish(PENDING_STEPS.proposal, encodeProposal(this.#proposal.proposal))
      for (const own of this.#ownCosignatures.values()) this.#publish(PENDING_STEPS.cosign, encodeCosignature(own))
      this.#repeat()
    })
  }

  /** One consent of the operator stands for both keys. The statement goes first: whoever has heard all approvals may deal. */
  #sayApproval(): void {
    const { self, next } = this.#c
    const expiresAtMs = this.#approvals.get(self)
    if (expiresAtMs === undefined) return
    const approval = encodeApproval(this.spec, expiresAtMs)
    this.#publish(PENDING_STEPS.approve, approval)
    if (next === undefined) return
    this.#publish(PENDING_STEPS.carrier, next.statement, next.messenger)
    this.#publish(PENDING_STEPS.approve, approval, next.messenger)
  }

  #sayHandoff(): void {
    if (this.#ownHandoff !== undefined) this.#publish(PENDING_STEPS.handoff, encodeHandoff(this.#ownHandoff))
  }

  /** Said every two seconds, so what keeps it unsaid is told once. */
  #notSaid(step: string, error: string): void {
    if (error !== this.#unsaid) this.#logger.warn('Publishing failed', { step, error })
    this.#unsaid = error
  }

  #publish(step: string, payload: Uint8Array, messenger: Pick<Messenger, 'publish'> = this.#c.messenger): void {
    messenger.publish(this.#topic, { round: this.spec.id, attempt: 0, step, payload }).then(
      () => {
        this.#unsaid = undefined
      },
      (error: unknown) => this.#notSaid(step, describeError(error)),
    )
  }
}
