import {
  type Cancel,
  type Clock,
  CodedError,
  describeError,
  type Logger,
  type PublicKey,
  type Startable,
} from '../base/index.ts'
import type { RegistryId, RegistryWatcher, RotateKeysTx } from '../registry/index.ts'
import type { Cosignature, KeygenProgress, PendingSession, PendingSpec } from '../rounds/index.ts'
import type { Space } from '../store/index.ts'
import {
  type Bootstrap,
  dropApproval,
  loadApproval,
  type OwnApproval,
  type SetProposal,
  saveApproval,
  specOf,
} from './approval.ts'
import { NonceGuard } from './cosign-guard.ts'
import { Cosigner } from './cosigner.ts'
import { type Action, nextAction } from './decide.ts'

/** Between looks when nothing happens. */
const TICK_MS = 500

export interface ReconcilerInit {
  readonly self: PublicKey
  readonly exposeSecret: () => Uint8Array
  readonly registryId: RegistryId
  readonly bootstrap: Bootstrap | undefined
  readonly watcher: RegistryWatcher
  readonly tx: RotateKeysTx
  readonly openSession: (spec: PendingSpec) => PendingSession
  readonly approvals: Space
  readonly cosigned: Space
  readonly feeUstx: number | undefined
  readonly approvalTtlMs: number
  /** Told before anything is said to the pending set, so that the gate admits it first; undefined when it is over. */
  readonly onPending: (spec: PendingSpec | undefined) => void
  readonly clock: Clock
  readonly logger: Logger
}

export interface RotationStatus {
  readonly spec: PendingSpec
  readonly action: Action
  readonly approved: readonly PublicKey[]
  readonly keygen: KeygenProgress
  readonly lastError: string | undefined
}

interface Active {
  readonly approval: OwnApproval
  readonly session: PendingSession
  readonly cosigner: Cosigner
  readonly unlisten: () => void
}

/**
 * Compares chain, approvals and local shares, and takes one step (flow 3 of DESIGN §3). Driven by events and a timer;
 * every step may be taken twice.
 */
export class RotationReconciler implements Startable {
  readonly #c: ReconcilerInit
  readonly #logger: Logger
  readonly #nonces: NonceGuard
  #active: Active | undefined
  /** An approval from before the restart, until the registry has been read. */
  #stored: OwnApproval | undefined
  #lastAction: Action = { kind: 'wait', for: 'approvals', missing: [] }
  #lastError: string | undefined
  #cancelTick: Cancel = () => {}
  #unlisten: () => void = () => {}
  #running = false
  #again = false
  #stopped = true

  constructor(init: ReconcilerInit) {
    this.#c = init
    this.#logger = init.logger.child('rotation')
    this.#nonces = new NonceGuard(init.cosigned)
  }

  async start(): Promise<void> {
    this.#stopped = false
    this.#stored = await loadApproval(this.#c.approvals)
    this.#unlisten = this.#c.watcher.changes.on(() => this.poke())
    this.#tick()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelTick()
    this.#unlisten()
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
    if (!spec.keys.includes(this.#c.self) && !spec.currentKeys.includes(this.#c.self))
      throw new CodedError(
        'NOT_CONCERNED',
        "this node's key is neither in the current set nor in the proposed one: nothing to approve",
      )
    return spec
  }

  /** This operator's consent (R7): durable, one at a time. The same set again is the same approval. */
  async approve(proposal: SetProposal): Promise<PendingSpec> {
    const spec = this.preview(proposal)
    const active = this.#active?.session.spec
    if (active !== undefined && active.id !== spec.id)
      throw new CodedError(
        'ROTATION_PENDING',
        `pending set ${active.id} is approved already; it ends with its expiry or with the next set`,
      )
    if (active === undefined) {
      const expiresAtMs = this.#c.clock.now() + this.#c.approvalTtlMs
      const approval = { ...proposal, parentSetHash: spec.parentSetHash, expiresAtMs }
      await saveApproval(this.#c.approvals, approval)
      this.#open(spec, approval)
      this.#logger.info('Rotation approved', { pendingId: spec.id, keys: spec.keys, threshold: spec.threshold })
    }
    this.poke()
    return spec
  }

  status(): RotationStatus | undefined {
    const session = this.#active?.session
    if (session === undefined) return undefined
    return {
      spec: session.spec,
      action: this.#lastAction,
      approved: [...session.approved()].toSorted(),
      keygen: session.keygen(),
      lastError: this.#lastError,
    }
  }

  /** Look now. Calls while a step is under way become one more look after it. */
  poke(): void {
    if (this.#stopped) return
    if (this.#running) {
      this.#again = true
      return
    }
    this.#running = true
    this.#step()
      .then(
        () => {
          this.#lastError = undefined
        },
        (error: unknown) => {
          const text = describeError(error)
          if (text !== this.#lastError) this.#logger.warn('Rotation step failed', { error: text })
          this.#lastError = text
        },
      )
      .finally(() => {
        this.#running = false
        if (!this.#again) return
        this.#again = false
        this.poke()
      })
  }

  #tick(): void {
    if (this.#stopped) return
    this.poke()
    this.#cancelTick = this.#c.clock.after(TICK_MS, () => this.#tick())
  }

  async #step(): Promise<void> {
    const { watcher, bootstrap, clock } = this.#c
    const snapshot = watcher.latest()
    if (snapshot === undefined) return
    if (this.#active === undefined && this.#stored !== undefined) await this.#resume(this.#stored)
    // R6: only while the registry itself answers "uninitialised"; the config is the operator's consent.
    if (this.#active === undefined && snapshot.kind === 'uninitialised' && bootstrap?.keys.includes(this.#c.self)) {
      const proposal = { keys: bootstrap.keys, threshold: bootstrap.threshold, attempt: 1 }
      const spec = specOf(this.#c.registryId, snapshot, bootstrap, proposal)
      this.#open(spec, { ...proposal, parentSetHash: spec.parentSetHash, expiresAtMs: Number.MAX_SAFE_INTEGER })
    }
    const active = this.#active
    if (active === undefined) return
    const { session, cosigner, approval } = active
    const proposal = session.proposal()
    if (proposal !== undefined) await cosigner.hear(session.cosignatures(), proposal.proposal)
    const action = nextAction({
      nowMs: clock.now(),
      self: this.#c.self,
      snapshot,
      spec: session.spec,
      approvalExpiresAtMs: approval.expiresAtMs,
      approved: session.approved(),
      keygen: session.keygen().phase,
      proposal: proposal && { aggregateKey: proposal.proposal.aggregateKey, receivedAtMs: proposal.receivedAtMs },
      ...cosigner.facts(),
    })
    if (action.kind !== this.#lastAction.kind) this.#logger.debug('Rotation step', { action: action.kind })
    this.#lastAction = action
    if (await this.#perform(action, active)) this.#again = true
  }

  /** True if the facts have changed by it. */
  async #perform(action: Action, { session, cosigner }: Active): Promise<boolean> {
    const proposal = session.proposal()?.proposal
    switch (action.kind) {
      case 'wait':
        return false
      case 'start_keygen':
        session.startKeygen()
        return false
      case 'finish':
        this.#logger.info('Rotation over', { pendingId: session.spec.id, outcome: action.outcome })
        await dropApproval(this.#c.approvals)
        this.#close()
        return false
      case 'ask_chain_nonce':
        if (proposal !== undefined) await cosigner.askChain(proposal)
        return true
      case 'cosign': {
        if (proposal === undefined) return false
        const cosignature: Cosignature = await cosigner.sign(proposal, action.variant)
        session.announceCosignature(cosignature)
        return true
      }
      case 'broadcast':
        if (proposal !== undefined) await cosigner.broadcast(proposal, action.variant)
        return true
    }
  }

  async #resume(approval: OwnApproval): Promise<void> {
    const snapshot = this.#c.watcher.latest()
    if (snapshot === undefined) return
    this.#stored = undefined
    const spec = specOf(this.#c.registryId, snapshot, this.#c.bootstrap, approval)
    if (spec.parentSetHash === approval.parentSetHash) this.#open(spec, approval)
    else await dropApproval(this.#c.approvals)
  }

  #open(spec: PendingSpec, approval: OwnApproval): void {
    this.#c.onPending(spec)
    const session = this.#c.openSession(spec)
    const { tx, feeUstx, clock, logger, self, exposeSecret } = this.#c
    const cosigner = new Cosigner({ spec, tx, nonces: this.#nonces, feeUstx, clock, logger, self, exposeSecret })
    const unlisten = session.changed.on(() => this.poke())
    this.#active = { approval, session, cosigner, unlisten }
    session.start()
    session.announceApproval(approval.expiresAtMs)
  }

  #close(): void {
    const active = this.#active
    if (active === undefined) return
    this.#active = undefined
    active.unlisten()
    active.session.stop()
    this.#c.onPending(undefined)
  }
}
