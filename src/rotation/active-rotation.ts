import { asGroupKey, type Clock, CodedError, type GroupKey, type Logger, type PublicKey } from '../base/index.ts'
import type { RegistryId, RegistryWatcher, RotateKeysTx, Snapshot } from '../registry/index.ts'
import {
  type AttemptLog,
  type Cosignature,
  decodeProposal,
  encodeProposal,
  type HandoffItem,
  type KeygenProgress,
  type PendingSession,
  type PendingSpec,
  type VerifiedProposal,
} from '../rounds/index.ts'
import type { Space } from '../store/index.ts'
import { type OwnApproval, parentHashOf } from './approval.ts'
import { loadAttemptLog } from './attempt-log.ts'
import { NonceGuard } from './cosign-guard.ts'
import { Cosigner } from './cosigner.ts'
import { type Action, nextAction } from './decide.ts'
import { Handoff, type HandoffRequest, oldKeyOf } from './handoff.ts'
import { type HandoffRecord, loadHandoff } from './handoff-record.ts'
import type { HandoffRounds } from './handoff-signing.ts'
import { type HandoffStatus, statusOfHandoff } from './handoff-status.ts'
import { keepFinishedKey } from './kept-keys.ts'

export interface ActiveRotationInit {
  readonly self: PublicKey
  /** The key that is to take the place of `self` (R7). */
  readonly next?: PublicKey | undefined
  /** R17: does another node speak with this node's key? */
  readonly isKeyElsewhere: () => boolean
  readonly exposeSecret: () => Uint8Array
  readonly registryId: RegistryId
  readonly watcher: RegistryWatcher
  readonly tx: RotateKeysTx
  /** `known`: the key that this node already proved for this pending set, before a restart. */
  readonly openSession: (spec: PendingSpec, known: VerifiedProposal | undefined, attempts: AttemptLog) => PendingSession
  readonly approvals: Space
  /** Finished keys by pending id: a duty is persisted before it is performed (docs/ROUNDS.md). */
  readonly proposals: Space
  readonly cosigned: Space
  /** Lists and signatures of handoffs by pending id (R29). */
  readonly handoffs: Space
  /** Sign rounds under the current set's key. */
  readonly rounds: HandoffRounds
  readonly feeUstx: number | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly spec: PendingSpec
  readonly approval: OwnApproval
  readonly signal: AbortSignal
  readonly onChange: () => void
}

export interface RotationStatus {
  readonly spec: PendingSpec
  readonly action: Action
  readonly approved: readonly PublicKey[]
  readonly keygen: KeygenProgress
  /** The key that was made for the new set, once it is proven: where the old key's funds may go. */
  readonly newKey: GroupKey | undefined
  readonly handoff: HandoffStatus
  readonly lastError: string | undefined
}

/** One approved pending set on its way to the chain. */
export class ActiveRotation {
  readonly spec: PendingSpec
  readonly #c: ActiveRotationInit
  readonly #session: PendingSession
  readonly #cosigner: Cosigner
  readonly #logger: Logger
  readonly #nonces: NonceGuard
  readonly #handoff: Handoff
  readonly #over = new AbortController()
  #savedProposal: boolean
  #expiresAtMs: number
  #expiredSinceMs: number | undefined
  #overtakenBy: Snapshot | undefined
  #lastAction: Action = { kind: 'wait', for: 'approvals', missing: [] }
  #unlisten: () => void = () => {}

  private constructor(
    init: ActiveRotationInit,
    known: VerifiedProposal | undefined,
    attempts: AttemptLog,
    listed: HandoffRecord | undefined,
  ) {
    const { spec, self, exposeSecret, tx, cosigned, feeUstx, clock, logger, signal, registryId, watcher } = init
    const { rounds, handoffs, isKeyElsewhere } = init
    this.#c = init
    this.spec = spec
    this.#expiresAtMs = init.approval.expiresAtMs
    this.#logger = logger.child('rotation')
    this.#session = init.openSession(spec, known, attempts)
    this.#savedProposal = known !== undefined
    this.#nonces = new NonceGuard(cosigned)
    this.#handoff = new Handoff(
      {
        ...{ self, spec, rounds, space: handoffs, clock, logger },
        signal: AbortSignal.any([signal, this.#over.signal]),
        onChange: (list) => {
          this.#session.announceHandoff(list)
          init.onChange()
        },
      },
      listed,
    )
    this.#cosigner = new Cosigner({
      spec,
      registryId,
      watcher,
      tx,
      nonces: this.#nonces,
      feeUstx,
      clock,
      logger,
      signal,
      self,
      isKeyElsewhere,
      exposeSecret,
    })
  }

  static async load(init: ActiveRotationInit): Promise<ActiveRotation> {
    const stored = await init.proposals.get(init.spec.id)
    const known = stored && decodeProposal(stored)
    if (stored !== undefined && known === undefined)
      throw new CodedError(
        'STORE_UNREADABLE',
        `the stored key of pending set ${init.spec.id} is malformed; restore the data folder`,
      )
    const listed = await loadHandoff(init.handoffs, init.spec.id)
    return new ActiveRotation(init, known, await loadAttemptLog(init.proposals, init.spec.id), listed)
  }

  get expiresAtMs(): number {
    return this.#expiresAtMs
  }
  get hasSigned(): boolean {
    return this.#cosigner.hasSigned
  }

  start(): void {
    this.#unlisten = this.#session.changed.on(() => this.#c.onChange())
    this.#session.start()
    this.#session.announceApproval(this.expiresAtMs)
    if (this.#handoff.own !== undefined) this.#session.announceHandoff(this.#handoff.own)
  }

  stop(): void {
    this.#over.abort(new CodedError('STOPPED', 'the pending set is over'))
    this.#unlisten()
    this.#session.stop()
  }

  /**
   * R7: a set that is not its parent stood on chain, be it for a moment between two looks. The gate has dropped this pending set
   * then, and it ends with the next step, whatever stands there by now.
   */
  noteChange(snapshot: Snapshot): void {
    if (parentHashOf(this.#c.registryId, snapshot) !== this.spec.parentSetHash) this.#overtakenBy ??= snapshot
  }
  get isOvertaken(): boolean {
    return this.#overtakenBy !== undefined
  }

  /** The same consent once more: its time begins anew. */
  renew(expiresAtMs: number): void {
    this.#expiresAtMs = expiresAtMs
    this.#session.announceApproval(expiresAtMs)
  }

  /** R27: does this operator's list consent to it? */
  consentsToHandoff(request: HandoffRequest): boolean {
    return this.#handoff.consents(request)
  }

  /**
   * This operator's list for the handoff, instead of the one before (R29); on disk when it resolves. Throws
   * `HANDOFF_NO_KEY`, `HANDOFF_COSIGNED`.
   */
  async listHandoff(items: readonly HandoffItem[], hold: boolean, snapshot: Snapshot): Promise<void> {
    const groupKey = oldKeyOf(snapshot, this.spec.parentSetHash)
    if (groupKey === undefined || !this.spec.currentKeys.includes(this.#c.self))
      throw new CodedError(
        'HANDOFF_NO_KEY',
        'this node holds no share of a key that this rotation replaces: the operators of the current set list what it is to sign',
      )
    // Its name may be under rotate-keys already, and could not be taken back for what is listed now.
    if (this.hasSigned || (await this.#nonces.hasSigned(this.spec)))
      throw new CodedError(
        'HANDOFF_COSIGNED',
        'this node has co-signed rotate-keys already: what is left to sign under the old key is signed after the rotation, with `countersign rotation recall`',
      )
    await this.#handoff.list(groupKey, items, hold)
  }

  status(lastError: string | undefined): RotationStatus {
    const proposal = this.#session.proposal()
    return {
      spec: this.spec,
      action: this.#lastAction,
      approved: [...this.#session.approved()].toSorted(),
      keygen: this.#session.keygen(),
      newKey: proposal && asGroupKey(proposal.proposal.aggregateKey.slice(2)),
      handoff: statusOfHandoff(this.#handoff, this.spec, this.#c.self, this.#cosignedBy()),
      lastError: lastError ?? this.#cosigner.rejection ?? this.#handoff.lastFailure,
    }
  }

  /** By their own word: while this node's list waits it knows no nonce that it could verify theirs at. */
  #cosignedBy(): ReadonlySet<PublicKey> {
    const transcript = this.#session.proposal()?.proposal.transcript
    const heard = this.#session.cosignatures().filter((c) => c.transcript === transcript)
    return new Set([...heard.map(({ author }) => author), ...(this.hasSigned ? [this.#c.self] : [])])
  }

  /** Takes one step. `changed`: the facts are others now, look again. */
  async step(snapshot: Snapshot): Promise<'over' | 'changed' | 'waiting'> {
    const known = this.#session.proposal()
    if (known !== undefined) {
      await this.#saveProposal(known.proposal)
      await this.#cosigner.hear(this.#session.cosignatures(), known.proposal)
    }
    await this.#handoff.hear(this.#session.handoffs())
    const { phase } = this.#session.keygen()
    const seen = this.#overtakenBy ?? snapshot
    const action = nextAction({
      nowMs: this.#c.clock.monotonicMs(),
      self: this.#c.self,
      next: this.#c.next,
      snapshot: seen,
      currentHash: parentHashOf(this.#c.registryId, seen),
      frozen: this.#c.watcher.stale(),
      stopped: this.#c.isKeyElsewhere(),
      spec: this.spec,
      expiredSinceMs: this.#lookAtExpiry(),
      approved: this.#session.approved(),
      keygen: phase === 'failed' ? 'running' : phase,
      proposal: known && { aggregateKey: known.proposal.aggregateKey, receivedAtMs: known.receivedAtMs },
      handoff: this.#handoff.facts(),
      ...this.#cosigner.facts(),
    })
    if (action.kind !== this.#lastAction.kind) this.#logger.debug('Rotation step', { action: action.kind })
    this.#lastAction = action
    return await this.#perform(action, known?.proposal, snapshot)
  }

  #lookAtExpiry(): number | undefined {
    const { clock } = this.#c
    const isPast = clock.now() > this.expiresAtMs
    this.#expiredSinceMs = isPast ? (this.#expiredSinceMs ?? clock.monotonicMs()) : undefined
    return this.#expiredSinceMs
  }

  /** Before anything is signed for it: after a restart the same key must go on, a second one would find its nonce taken. */
  async #saveProposal(proposal: VerifiedProposal): Promise<void> {
    if (this.#savedProposal) return
    await this.#c.proposals.put(this.spec.id, encodeProposal(proposal))
    this.#savedProposal = true
  }

  async #perform(
    action: Action,
    proposal: VerifiedProposal | undefined,
    snapshot: Snapshot,
  ): Promise<'over' | 'changed' | 'waiting'> {
    switch (action.kind) {
      case 'wait':
        return 'waiting'
      case 'start_keygen':
        this.#session.startKeygen()
        return 'waiting'
      case 'finish':
        this.#logger.info('Rotation over', { pendingId: this.spec.id, outcome: action.outcome })
        // A key that was made may be needed again: what is signed for it holds its nonce, whatever a reorg does.
        if (proposal !== undefined) await keepFinishedKey(this.#c.proposals, this.spec.id)
        return 'over'
      case 'sign_handoff':
        // Beside the steps: it takes as long as other operators do, and what the operator says must not wait for it.
        this.#handoff.sign(action.names)
        return 'waiting'
      case 'ask_chain':
        if (proposal !== undefined) await this.#cosigner.askChain(proposal, keyOf(snapshot))
        return 'changed'
      case 'cosign': {
        if (proposal === undefined) return 'waiting'
        const cosignature: Cosignature = await this.#cosigner.sign(proposal, action.variant)
        this.#session.announceCosignature(cosignature)
        return 'changed'
      }
      case 'broadcast':
        if (proposal !== undefined) await this.#cosigner.broadcast(proposal, action.variant)
        return 'changed'
    }
  }
}

/** undefined while the registry is not initialised. */
const keyOf = (snapshot: Snapshot): PublicKey | undefined =>
  snapshot.kind === 'set' ? snapshot.set.aggregateKey : undefined
