import { type Clock, CodedError, describeError, type Logger, type PublicKey, zeroize } from '../base/index.ts'
import { MAX_FEE_USTX, type RotateKeysCall, type RotateKeysPlan, type RotateKeysTx } from '../registry/index.ts'
import type { Cosignature, PendingSpec, VerifiedProposal } from '../rounds/index.ts'
import { type NonceGuard, payloadId } from './cosign-guard.ts'
import type { RotationFacts, Variant } from './decide.ts'

export interface CosignerInit {
  readonly self: PublicKey
  readonly exposeSecret: () => Uint8Array
  readonly spec: PendingSpec
  readonly tx: RotateKeysTx
  readonly nonces: NonceGuard
  /** The operator's own fee; estimated by the chain if left out. */
  readonly feeUstx: number | undefined
  readonly clock: Clock
  readonly logger: Logger
  /** Aborts the chain calls when the node stops. */
  readonly signal: AbortSignal
}

/** What a Stacks node says of a transaction that it, or another member's, already took: no reason to name another fee. */
const ALREADY_ON_ITS_WAY: readonly unknown[] = ['ConflictingNonceInMempool', 'BadNonce']

/** Signs, collects and sends the rotate-keys transaction of one pending set. */
export class Cosigner {
  readonly #c: CosignerInit
  readonly #verified = new Map<PublicKey, Cosignature>()
  /** The last that did not verify, per co-signer: it is repeated every few seconds, and judged once. */
  readonly #refused = new Map<PublicKey, string>()
  readonly #fruitless = new Set<number>()
  #own: Cosignature | undefined
  #chainNonce: number | undefined
  #ownFeeUstx: number | undefined
  #broadcastAtMs: number | undefined
  #rejection: string | undefined

  constructor(init: CosignerInit) {
    this.#c = init
  }

  /** True once this node has put its name to a payload: from then on no other may be approved beside it (R29). */
  get hasSigned(): boolean {
    return this.#own !== undefined
  }

  /** Why the chain refused the last try, in a sentence; undefined if it did not. */
  get rejection(): string | undefined {
    return this.#rejection
  }

  facts(): Pick<
    RotationFacts,
    'chainNonce' | 'ownFeeUstx' | 'ownCosignature' | 'cosignatures' | 'fruitlessFees' | 'broadcastAtMs'
  > {
    return {
      chainNonce: this.#chainNonce,
      ownFeeUstx: this.#ownFeeUstx,
      ownCosignature: this.#own,
      cosignatures: [...this.#verified.values()],
      fruitlessFees: this.#fruitless,
      broadcastAtMs: this.#broadcastAtMs,
    }
  }

  /** Takes in what others announced; only what verifies over this very transaction counts, and nothing of it can throw. */
  async hear(heard: readonly Cosignature[], proposal: VerifiedProposal): Promise<void> {
    for (const c of heard) {
      const known = this.#verified.get(c.author)
      if (known?.nonce === c.nonce && known.feeUstx === c.feeUstx) continue
      const name = `${c.transcript}/${c.nonce}/${c.feeUstx}`
      if (c.transcript !== proposal.transcript || this.#refused.get(c.author) === name) continue
      if (await this.#verifies(proposal, c)) this.#verified.set(c.author, c)
      else {
        this.#refused.set(c.author, name)
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

  /** Asks for the principal's nonce and a fee; a transaction that had no effect in time was sent in vain. */
  async askChain(proposal: VerifiedProposal): Promise<void> {
    const { tx, spec, feeUstx, signal } = this.#c
    const nonce = await tx.nextNonce(spec.principal, signal)
    const call = this.#call(proposal)
    const estimate = () => tx.estimateFeeUstx(call, spec.currentKeys, spec.currentThreshold, signal)
    this.#ownFeeUstx = feeUstx ?? (await estimate())
    if (nonce !== this.#chainNonce) this.#fruitless.clear()
    else if (this.#broadcastAtMs !== undefined && this.#own !== undefined) this.#fruitless.add(this.#own.feeUstx)
    this.#chainNonce = nonce
    this.#broadcastAtMs = undefined
  }

  async sign(proposal: VerifiedProposal, variant: Variant): Promise<Cosignature> {
    const { spec, tx, nonces, self } = this.#c
    await nonces.reserve(spec.principal, variant.nonce, payloadId(spec.principal, this.#call(proposal)))
    const secret = this.#c.exposeSecret()
    try {
      const signature = await tx.sign(this.#plan(proposal, variant), secret)
      const { nonce, feeUstx } = variant
      this.#own = { author: self, transcript: proposal.transcript, nonce, feeUstx, signature }
      this.#broadcastAtMs = undefined
      return this.#own
    } finally {
      zeroize(secret)
    }
  }

  /**
   * Several members send the same transaction; whoever comes second is told that it is known, which is no failure. What
   * the chain says otherwise stands in `rejection` for the operator, and counts like a transaction without effect: the
   * next try comes after the same patience, so that a refusal can't drive the fee up in seconds.
   */
  async broadcast(proposal: VerifiedProposal, variant: Variant): Promise<void> {
    const same = (c: Cosignature) => c.nonce === variant.nonce && c.feeUstx === variant.feeUstx
    const all = [...(this.#own === undefined ? [] : [this.#own]), ...this.#verified.values()].filter(same)
    const signatures = new Map(all.map((c) => [c.author, c.signature]))
    try {
      const txid = await this.#c.tx.broadcast(this.#plan(proposal, variant), signatures, this.#c.signal)
      this.#broadcastAtMs = this.#c.clock.now()
      this.#rejection = undefined
      this.#c.logger.info('rotate-keys sent', { txid, nonce: variant.nonce, feeUstx: variant.feeUstx })
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'TX_REJECTED') throw error
      this.#c.logger.info('rotate-keys not taken', { error: describeError(error) })
      this.#broadcastAtMs = this.#c.clock.now()
      if (!ALREADY_ON_ITS_WAY.includes(error.data.reason)) this.#rejection = error.message
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
