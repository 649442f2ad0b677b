import { type Clock, CodedError, describeError, type Logger, type Startable } from '../base/index.ts'
import type { Snapshot } from '../registry/index.ts'
import { findHandoffFault, type HandoffItem, type PendingSpec } from '../rounds/index.ts'
import { ActiveRotation, type ActiveRotationInit, type RotationStatus } from './active-rotation.ts'
import {
  type Bootstrap,
  dropApproval,
  loadApproval,
  type OwnApproval,
  parentHashOf,
  replaceApproval,
  type SetProposal,
  specOf,
} from './approval.ts'
import { NonceGuard, nonceTaken } from './cosign-guard.ts'
import type { HandoffRequest } from './handoff.ts'
import { type HandoffRecord, loadHandoffs } from './handoff-record.ts'
import { keyElsewhere } from './key-elsewhere.ts'
import { requireSuccession } from './next-key.ts'
import { StepLoop } from './step-loop.ts'

export interface ReconcilerInit extends Omit<ActiveRotationInit, 'spec' | 'approval' | 'signal' | 'onChange'> {
  readonly bootstrap: Bootstrap | undefined
  readonly approvalTtlMs: number
  /** Told before anything is said to the pending set, so that the gate admits it first; undefined when it is over. */
  readonly onPending: (spec: PendingSpec | undefined) => void
  readonly clock: Clock
  readonly logger: Logger
}

export interface ApproveOptions {
  /** The pending id that the operator was shown: anything else is not what was consented to. */
  readonly expectedId?: string | undefined
  /** Withdraws the approval of another pending set, if this node has not co-signed for it. */
  readonly replace?: boolean
}

export interface HandoffOptions {
  readonly hold?: boolean
  /** The pending id that the list was made for. */
  readonly expectedId?: string | undefined
}

/**
 * Compares chain, approvals and local shares, and takes one step (flow 3 of ARCHITECTURE.md). Driven by events and a timer;
 * every step may be taken twice.
 */
export class RotationReconciler implements Startable {
  readonly #c: ReconcilerInit
  readonly #logger: Logger
  readonly #loop: StepLoop
  #active: ActiveRotation | undefined
  /** An approval from before the restart until the registry has been read, or one that is being opened. */
  #stored: OwnApproval | undefined
  #isLoaded = false
  #lastError: string | undefined
  #unlisten: () => void = () => {}

  constructor(init: ReconcilerInit) {
    this.#c = init
    this.#logger = init.logger.child('rotation')
    this.#loop = new StepLoop({
      step: () => this.#step(),
      onStep: (failure) => this.#stepped(failure),
      clock: init.clock,
    })
  }

  async start(): Promise<void> {
    this.#loop.open()
    this.#stored = await loadApproval(this.#c.approvals)
    this.#isLoaded = true
    this.#unlisten = this.#c.watcher.changes.on((snapshot) => {
      this.#active?.noteChange(snapshot)
      this.poke()
    })
    this.#loop.tick()
  }

  async stop(): Promise<void> {
    this.#unlisten()
    await this.#loop.stop()
    this.#close()
  }

  /** What approving `proposal` would mean now; nothing is done. Throws CodedErrors with the remedy. */
  preview(proposal: SetProposal): PendingSpec {
    const snapshot = this.#c.watcher.latest()
    if (snapshot === undefined)
      throw new CodedError(
        'REGISTRY_UNKNOWN',
        'the registry has not been read yet: see `countersign status`, then try again',
      )
    const spec = specOf(this.#c.registryId, snapshot, this.#c.bootstrap, proposal)
    if (this.#c.next !== undefined) requireSuccession(spec, this.#c.self, this.#c.next, snapshot.kind)
    if (!spec.keys.includes(this.#c.self) && !spec.currentKeys.includes(this.#c.self))
      throw new CodedError(
        'NOT_CONCERNED',
        "this node's key is neither in the current set nor in the proposed one: nothing to approve",
      )
    return spec
  }

  /** This operator's consent (R7): durable, one at a time. The same set again is the same approval. */
  approve(proposal: SetProposal, options: ApproveOptions = {}): Promise<PendingSpec> {
    return this.#loop.alone(() => this.#approve(proposal, options))
  }

  /**
   * What the old key is to sign before this node co-signs rotate-keys (R29), instead of what was listed before; `hold`: more
   * will be listed. This is also the operator's consent to exactly that (R27). On disk when it resolves. Throws
   * `HANDOFF_INVALID`, `NO_ROTATION`, `PENDING_ID_CHANGED`, `HANDOFF_NO_KEY`, `HANDOFF_COSIGNED`.
   */
  handOver(items: readonly HandoffItem[], { hold = false, expectedId }: HandoffOptions = {}): Promise<PendingSpec> {
    return this.#loop.alone(async () => {
      const fault = findHandoffFault(items)
      if (fault !== undefined) throw new CodedError('HANDOFF_INVALID', `this can't be listed: ${fault}`)
      if (this.#stored !== undefined && !this.#c.watcher.stale()) await this.#resume(this.#stored)
      await this.#dropOvertaken()
      const active = this.#active
      const snapshot = this.#c.watcher.latest()
      if (active === undefined || snapshot === undefined)
        throw new CodedError(
          'NO_ROTATION',
          'this operator has approved no pending set: `countersign rotation approve` it, then list what the old key is to sign',
        )
      if (expectedId !== undefined && expectedId !== active.spec.id)
        throw new CodedError(
          'PENDING_ID_CHANGED',
          `the pending set is ${active.spec.id} by now: look again, then list for it`,
        )
      await active.listHandoff(items, hold, snapshot)
      return active.spec
    })
  }

  /** R27: does a list of this operator, for the pending set that it approved, consent to this request? */
  consentsToHandoff(request: HandoffRequest): boolean {
    return this.#active?.consentsToHandoff(request) ?? false
  }

  /** This operator's lists of now and before, with their signatures, the latest first. */
  handoffs(): Promise<readonly HandoffRecord[]> {
    return loadHandoffs(this.#c.handoffs)
  }

  status(): RotationStatus | undefined {
    return this.#active?.status(this.#lastError)
  }

  /** Does an approval of this operator stand? True as well while that is not known: it is read from disk at the start. */
  mayHaveApproval(): boolean {
    const stored = this.#stored
    const isWaiting = stored !== undefined && stored.expiresAtMs > this.#c.clock.now()
    return !this.#isLoaded || isWaiting || this.#active !== undefined
  }

  /** Look now. Calls while a look waits or runs become one more look after it. */
  poke(): void {
    this.#loop.poke()
  }

  #stepped(failure: { readonly error: unknown } | undefined): void {
    const text = failure && describeError(failure.error)
    if (text !== undefined && text !== this.#lastError) this.#logger.warn('Rotation step failed', { error: text })
    this.#lastError = text
  }

  async #approve(proposal: SetProposal, { replace = false, expectedId }: ApproveOptions): Promise<PendingSpec> {
    if (this.#c.watcher.stale())
      throw new CodedError(
        'REGISTRY_STALE',
        'the registry was not read for longer than [registry] max_age, and nothing new is approved by an old reading: see `countersign health`, then try again',
      )
    if (this.#c.isKeyElsewhere()) throw keyElsewhere('approved')
    if (this.#stored !== undefined) await this.#resume(this.#stored)
    await this.#dropOvertaken()
    const spec = this.preview(proposal)
    if (expectedId !== undefined && expectedId !== spec.id)
      throw new CodedError(
        'PENDING_ID_CHANGED',
        'the registry changed since this set was shown: look again, then approve',
      )
    const active = this.#active
    const expiresAtMs = this.#c.clock.now() + this.#c.approvalTtlMs
    const approval = { ...proposal, parentSetHash: spec.parentSetHash, expiresAtMs }
    if (active?.spec.id === spec.id) {
      await this.#renew(active, approval)
      return spec
    }
    if (active !== undefined) this.#requireReplaceable(active, replace)
    await this.#requireFreeNonce(spec)
    // Between the two there is always one: a removed node that is wanted back must not end meanwhile.
    this.#stored = approval
    try {
      const opened = await this.#load(spec, approval)
      await replaceApproval(this.#c.approvals, approval, () => this.#requireParent(spec))
      this.#close()
      this.#begin(opened)
    } finally {
      this.#stored = undefined
    }
    this.#logger.info('Rotation approved', { pendingId: spec.id, keys: spec.keys, threshold: spec.threshold })
    this.poke()
    return spec
  }

  #requireReplaceable(active: ActiveRotation, replace: boolean): void {
    const { id } = active.spec
    if (active.hasSigned)
      throw new CodedError(
        'ROTATION_COSIGNED',
        `this node has co-signed the rotation to pending set ${id} and can sign no other for the same nonce (R29): wait until it is on chain, or refused`,
      )
    if (replace) return
    const until = new Date(active.expiresAtMs).toISOString()
    throw new CodedError(
      'ROTATION_PENDING',
      `pending set ${id} is approved already, until ${until}: withdraw it by approving this one with --replace`,
    )
  }

  /**
   * R29: after a restart or a reorg the nonce may belong to another set, whose transaction never came on chain. Said while
   * the operator can still choose that one, and not after a key was made in vain.
   */
  async #requireFreeNonce(spec: PendingSpec): Promise<void> {
    const others = await new NonceGuard(this.#c.cosigned).othersOf(spec)
    if (others.size === 0) return
    const { nonce } = await this.#c.tx.rotationState(spec.principal, this.#loop.signal)
    const taken = others.get(nonce)
    if (taken !== undefined) throw nonceTaken(taken)
  }

  /** True: look again at once. */
  async #step(): Promise<boolean> {
    const { watcher, bootstrap } = this.#c
    const snapshot = watcher.latest()
    if (snapshot === undefined) return false
    // R5, R17: what is open waits, and nothing is opened.
    if (watcher.stale() || this.#c.isKeyElsewhere()) return await this.#stepActive(snapshot)
    if (this.#active === undefined && this.#stored !== undefined) await this.#resume(this.#stored)
    // R6: only while the registry itself answers "uninitialised"; the config is the operator's consent.
    if (this.#active === undefined && snapshot.kind === 'uninitialised' && bootstrap?.keys.includes(this.#c.self)) {
      const proposal = { keys: bootstrap.keys, threshold: bootstrap.threshold, attempt: 1 }
      const spec = specOf(this.#c.registryId, snapshot, bootstrap, proposal)
      await this.#open(spec, { ...proposal, parentSetHash: spec.parentSetHash, expiresAtMs: Number.MAX_SAFE_INTEGER })
    }
    return await this.#stepActive(snapshot)
  }

  async #stepActive(snapshot: Snapshot): Promise<boolean> {
    const outcome = await this.#active?.step(snapshot)
    if (outcome !== 'over') return outcome === 'changed'
    await dropApproval(this.#c.approvals)
    this.#close()
    return false
  }

  async #resume(approval: OwnApproval): Promise<void> {
    const snapshot = this.#c.watcher.latest()
    if (snapshot === undefined) return
    const spec = specOf(this.#c.registryId, snapshot, this.#c.bootstrap, approval)
    if (spec.parentSetHash === approval.parentSetHash) await this.#open(spec, approval)
    else await dropApproval(this.#c.approvals)
    this.#stored = undefined
  }

  async #open(spec: PendingSpec, approval: OwnApproval): Promise<void> {
    const opened = await this.#load(spec, approval)
    this.#requireParent(spec)
    this.#begin(opened)
  }

  #load(spec: PendingSpec, approval: OwnApproval): Promise<ActiveRotation> {
    const { signal } = this.#loop
    return ActiveRotation.load({ ...this.#c, spec, approval, signal, onChange: () => this.poke() })
  }

  #begin(opened: ActiveRotation): void {
    this.#c.onPending(opened.spec)
    this.#active = opened
    opened.start()
  }

  /** The same set once more is the same approval, whose time begins anew. Never shortened: the first set's has no end (R6). */
  async #renew(active: ActiveRotation, approval: OwnApproval): Promise<void> {
    if (approval.expiresAtMs <= active.expiresAtMs) return
    await replaceApproval(this.#c.approvals, approval, () => this.#requireParent(active.spec, active))
    active.renew(approval.expiresAtMs)
  }

  /** What ended between two looks must not take what the operator says now with it. */
  async #dropOvertaken(): Promise<void> {
    const snapshot = this.#c.watcher.latest()
    if (this.#active?.isOvertaken && snapshot !== undefined) await this.#stepActive(snapshot)
  }

  /** R7: the registry may have moved on while the disk was read, and nobody is admitted for the child of a set that is gone. */
  #requireParent({ parentSetHash }: PendingSpec, active?: ActiveRotation): void {
    const { watcher, registryId } = this.#c
    this.#loop.signal.throwIfAborted()
    const now = watcher.latest()
    const isCurrent = now !== undefined && parentHashOf(registryId, now) === parentSetHash
    if (isCurrent && active?.isOvertaken !== true) return
    throw new CodedError(
      'PENDING_ID_CHANGED',
      'the registry changed while this set was being opened: look again, then approve',
    )
  }

  #close(): void {
    const active = this.#active
    if (active === undefined) return
    this.#active = undefined
    active.stop()
    this.#c.onPending(undefined)
  }
}
