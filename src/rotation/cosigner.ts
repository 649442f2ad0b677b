import { type Clock, CodedError, describeError, type Logger, type PublicKey, zeroize } from '../base/index.ts'
import {
  MAX_FEE_USTX,
  type RegistryId,
  type RegistryWatcher,
  type RotateKeysCall,
  type RotateKeysPlan,
  type RotateKeysTx,
  requirePlanOf,
} from '../registry/index.ts'
import type { Cosignature, PendingSpec, VerifiedProposal } from '../rounds/index.ts'
import { type NonceGuard, payloadId } from './cosign-guard.ts'
import { MAX_NAMED_FEES, type RotationFacts, type Variant } from './decide.ts'
import { keyElsewhere } from './key-elsewhere.ts'

export interface CosignerInit {
  readonly self: PublicKey
  /** R17: does another node speak with this node's key? */
  readonly isKeyElsewhere: () => boolean
  readonly exposeSecret: () => Uint8Array
  readonly spec: PendingSpec
  readonly registryId: RegistryId
  readonly watcher: Pick<RegistryWatcher, 'latest'>
  readonly tx: RotateKeysTx
  readonly nonces: NonceGuard
  /** The operator's own fee; estimated by the chain if left out. */
  readonly feeUstx: number | undefined
  readonly clock: Clock
  readonly logger: Logger
  /** Aborts the chain calls when the node stops. */
  readonly signal: AbortSignal
}

/** What a Stacks node says of a transaction that it, or another member's, already took: nothing for the operator to mend. */
const ALREADY_ON_ITS_WAY: readonly unknown[] = ['ConflictingNonceInMempool', 'BadNonce']

/** Between two questions to a chain that doesn't answer; doubled each time. */
const CHAIN_RETRY_MIN_MS = 1_000
/** And no longer than this: the rotation waits for nothing else by then. */
const CHAIN_RETRY_MAX_MS = 60_000

/** Every member's namings, which an honest co-signer signs all. */
const MAX_JUDGED = MAX_NAMED_FEES * 16

const nameOf = (c: Pick<Cosignature, 'author' | 'nonce' | 'feeUstx'>): string => `${c.author}/${c.nonce}/${c.feeUstx}`

/** Signs, collects and sends the rotate-keys transaction of one pending set. */
export class Cosigner {
  readonly #c: CosignerInit
  /** Verified, this node's own included; only those of the chain's nonce are kept when that moves. */
  readonly #verified = new Map<string, Cosignature>()
  /** Judged once: it is repeated every few seconds. */
  readonly #refused = new Set<string>()
  /** Variants judged per co-signer at this nonce: each costs a signature check and a place. */
  readonly #judged = new Map<PublicKey, number>()
  readonly #sent = new Set<number>()
  #hasSigned = false
  #chainAhead = false
  #chainNonce: number | undefined
  #ownFeeUstx: number | undefined
  #raised = false
  #askedAtMs = Number.NEGATIVE_INFINITY
  #rejection: string | undefined
  #unreached: string | undefined
  #failures = 0
  #restUntilMs = Number.NEGATIVE_INFINITY

  constructor(init: CosignerInit) {
    this.#c = init
  }

  /** True once this node has put its name to a payload: from then on no other may be approved beside it (R29). */
  get hasSigned(): boolean {
    return this.#hasSigned
  }

  /** Why the chain refused the last try, or was not reached, in a sentence; undefined if neither. */
  get rejection(): string | undefined {
    return this.#unreached ?? this.#rejection
  }

  facts(): Pick<
    RotationFacts,
    | 'chainRestUntilMs'
    | 'chainNonce'
    | 'chainAhead'
    | 'ownFeeUstx'
    | 'raised'
    | 'askedAtMs'
    | 'cosignatures'
    | 'sentFees'
  > {
    return {
      chainAhead: this.#chainAhead,
      chainNonce: this.#chainNonce,
      ownFeeUstx: this.#ownFeeUstx,
      raised: this.#raised,
      askedAtMs: this.#askedAtMs,
      chainRestUntilMs: this.#restUntilMs,
      cosignatures: [...this.#verified.values()],
      sentFees: this.#sent,
    }
  }

  /** Takes in what others announced; only what verifies over this very transaction counts, and nothing of it can throw. */
  async hear(heard: readonly Cosignature[], proposal: VerifiedProposal): Promise<void> {
    for (const c of heard) {
      const name = nameOf(c)
      if (c.transcript !== proposal.transcript || c.nonce !== this.#chainNonce) continue
      if (this.#verified.has(name) || this.#refused.has(name)) continue
      const judged = this.#judged.get(c.author) ?? 0
      if (judged >= MAX_JUDGED) continue
      this.#judged.set(c.author, judged + 1)
      if (await this.#verifies(proposal, c)) this.#verified.set(name, c)
      else {
        this.#refused.add(name)
        this.#c.logger.warn('Co-signature does not verify', { author: c.author, nonce: c.nonce, feeUstx: c.feeUstx })
      }
    }
  }

  async #verifies(proposal: VerifiedProposal, c: Cosignature): Promise<boolean> {
    if (c.feeUstx > MAX_FEE_USTX) return false
    try {
      return await this.#c.tx.verify(this.#plan(proposal, c), c.author, c.signature)
    } catch (error) {
      // A plan that a peer named and that can't be: its fault, never ours to stumble over.
      if (error instanceof CodedError) return false
      throw error
    }
  }

  /**
   * Asks for the principal's nonce and a fee. At the same nonce as before, what was tried had no effect: more is offered.
   * Where the newest block holds another key than `currentKey`, nothing is taken over: a rotation is done, and what could
   * be signed would be for the nonce after it. Where it fails, `chainRestUntilMs` moves on.
   */
  askChain(proposal: VerifiedProposal, currentKey: PublicKey | undefined): Promise<void> {
    return this.#onChain(() => this.#askChain(proposal, currentKey))
  }

  async #askChain(proposal: VerifiedProposal, currentKey: PublicKey | undefined): Promise<void> {
    const { tx, spec, feeUstx, clock, signal } = this.#c
    const { nonce, aggregateKey } = await tx.rotationState(spec.principal, signal)
    this.#chainAhead = aggregateKey !== currentKey
    if (this.#chainAhead) {
      this.#rejection = undefined
      this.#askedAtMs = clock.monotonicMs()
      return
    }
    const call = this.#call(proposal)
    const estimateUstx = feeUstx ?? (await tx.estimateFeeUstx(call, spec.currentKeys, spec.currentThreshold, signal))
    const before = nonce === this.#chainNonce && this.#sent.size > 0 ? this.#ownFeeUstx : undefined
    const raisedUstx = before === undefined ? estimateUstx : Math.max(estimateUstx, Math.ceil(before * 1.5))
    this.#ownFeeUstx = Math.min(MAX_FEE_USTX, raisedUstx)
    this.#raised = before !== undefined
    if (nonce !== this.#chainNonce) {
      this.#verified.clear()
      this.#refused.clear()
      this.#judged.clear()
    }
    this.#chainNonce = nonce
    this.#askedAtMs = clock.monotonicMs()
    this.#sent.clear()
  }

  /** Throws `KEY_IN_USE_ELSEWHERE`, `TX_WRONG_PRINCIPAL` (R3) before the nonce is taken, and as `RotateKeysTx.sign`. */
  async sign(proposal: VerifiedProposal, { nonce, feeUstx }: Variant): Promise<Cosignature> {
    const { spec, tx, nonces, self, registryId, watcher } = this.#c
    const plan = this.#plan(proposal, { nonce, feeUstx })
    const now = watcher.latest()
    if (now !== undefined) requirePlanOf(registryId, now.kind === 'set' ? now.set : { principal: now.deployer }, plan)
    await nonces.reserve(spec, nonce, payloadId(spec.principal, this.#call(proposal)))
    this.#hasSigned = true
    // Asked again: it may have been heard while the nonce was written.
    if (this.#c.isKeyElsewhere()) throw keyElsewhere('co-signed')
    const secret = this.#c.exposeSecret()
    try {
      const signature = await tx.sign(plan, secret)
      const own = { author: self, transcript: proposal.transcript, nonce, feeUstx, signature }
      this.#verified.set(nameOf(own), own)
      return own
    } finally {
      zeroize(secret)
    }
  }

  /**
   * Several members send the same transaction; whoever comes second is told that it is known, which is no failure. What
   * the chain says otherwise stands in `rejection` for the operator; the next fee is tried, or, when there is none, more
   * is offered after `TX_PATIENCE_MS`, so that a refusal can't drive the fee up in seconds. Where nobody answers,
   * `chainRestUntilMs` moves on.
   */
  broadcast(proposal: VerifiedProposal, variant: Variant): Promise<void> {
    return this.#onChain(() => this.#broadcast(proposal, variant))
  }

  async #broadcast(proposal: VerifiedProposal, variant: Variant): Promise<void> {
    const { nonce, feeUstx } = variant
    const all = [...this.#verified.values()].filter((c) => c.nonce === nonce && c.feeUstx === feeUstx)
    const signatures = new Map(all.map((c) => [c.author, c.signature]))
    try {
      const txid = await this.#c.tx.broadcast(this.#plan(proposal, variant), signatures, this.#c.signal)
      this.#rejection = undefined
      this.#c.logger.info('rotate-keys sent', { txid, nonce, feeUstx })
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'TX_REJECTED') throw error
      const { reason } = error.data
      if (ALREADY_ON_ITS_WAY.includes(reason))
        this.#c.logger.info('rotate-keys is on its way already, as a rule sent by another member: nothing to mend', {
          ...{ reason, nonce, feeUstx },
        })
      else {
        this.#c.logger.info('rotate-keys not taken', { error: describeError(error) })
        this.#rejection = error.message
      }
    }
    this.#sent.add(feeUstx)
    // Patience is counted from the last try.
    this.#askedAtMs = this.#c.clock.monotonicMs()
  }

  /** A chain that does not answer is not asked at every look: each failure doubles the pause. */
  async #onChain(call: () => Promise<void>): Promise<void> {
    try {
      await call()
      this.#failures = 0
      this.#unreached = undefined
    } catch (error) {
      const pauseMs = Math.min(CHAIN_RETRY_MIN_MS * 2 ** this.#failures++, CHAIN_RETRY_MAX_MS)
      this.#restUntilMs = this.#c.clock.monotonicMs() + pauseMs
      this.#unreached = describeError(error)
      throw error
    }
  }

  #call(proposal: VerifiedProposal): RotateKeysCall {
    const { keys, threshold } = this.#c.spec
    return { newKeys: keys, newAggregateKey: proposal.aggregateKey, newThreshold: threshold }
  }

  #plan(proposal: VerifiedProposal, { nonce, feeUstx }: Variant): RotateKeysPlan {
    const { currentKeys, currentThreshold } = this.#c.spec
    return { call: this.#call(proposal), signers: currentKeys, signaturesRequired: currentThreshold, nonce, feeUstx }
  }
}
