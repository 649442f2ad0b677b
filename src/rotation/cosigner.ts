import { type Clock, CodedError, describeError, type Logger, type PublicKey, zeroize } from '../base/index.ts'
import type { RotateKeysCall, RotateKeysPlan, RotateKeysTx } from '../registry/index.ts'
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
}

/** Signs, collects and sends the rotate-keys transaction of one pending set. */
export class Cosigner {
  readonly #c: CosignerInit
  readonly #verified = new Map<PublicKey, Cosignature>()
  readonly #refused = new Set<string>()
  #own: Cosignature | undefined
  #chainNonce: number | undefined
  #ownFeeUstx: number | undefined
  #broadcastAtMs: number | undefined

  constructor(init: CosignerInit) {
    this.#c = init
  }

  facts(): Pick<RotationFacts, 'chainNonce' | 'ownFeeUstx' | 'ownCosignature' | 'cosignatures' | 'broadcastAtMs'> {
    return {
      chainNonce: this.#chainNonce,
      ownFeeUstx: this.#ownFeeUstx,
      ownCosignature: this.#own,
      cosignatures: [...this.#verified.values()],
      broadcastAtMs: this.#broadcastAtMs,
    }
  }

  /** Takes in what others announced; only what verifies over this very transaction counts. */
  async hear(heard: readonly Cosignature[], proposal: VerifiedProposal): Promise<void> {
    for (const c of heard) {
      const known = this.#verified.get(c.author)
      if (known?.nonce === c.nonce && known.feeUstx === c.feeUstx) continue
      const name = `${c.author}/${c.nonce}/${c.feeUstx}`
      if (c.transcript !== proposal.transcript || this.#refused.has(name)) continue
      if (await this.#c.tx.verify(this.#plan(proposal, c), c.author, c.signature)) this.#verified.set(c.author, c)
      else {
        // One entry per co-signer and variant would let a member grow this; co-signers are at most 16.
        if (this.#refused.size > 64) this.#refused.clear()
        this.#refused.add(name)
        this.#c.logger.warn('Co-signature does not verify', { author: c.author, nonce: c.nonce, feeUstx: c.feeUstx })
      }
    }
  }

  /** Asks for the principal's nonce and a fee; forgets a transaction that had no effect. */
  async askChain(proposal: VerifiedProposal): Promise<void> {
    const { tx, spec, feeUstx } = this.#c
    const nonce = await tx.nextNonce(spec.principal)
    this.#ownFeeUstx =
      feeUstx ?? (await tx.estimateFeeUstx(this.#call(proposal), spec.currentKeys, spec.currentThreshold))
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
      return this.#own
    } finally {
      zeroize(secret)
    }
  }

  /** Several members send the same transaction; whoever comes second is told that it is known, which is no failure. */
  async broadcast(proposal: VerifiedProposal, variant: Variant): Promise<void> {
    const same = (c: Cosignature) => c.nonce === variant.nonce && c.feeUstx === variant.feeUstx
    const all = [...(this.#own === undefined ? [] : [this.#own]), ...this.#verified.values()].filter(same)
    const signatures = new Map(all.map((c) => [c.author, c.signature]))
    this.#broadcastAtMs = this.#c.clock.now()
    try {
      const txid = await this.#c.tx.broadcast(this.#plan(proposal, variant), signatures)
      this.#c.logger.info('rotate-keys sent', { txid, nonce: variant.nonce, feeUstx: variant.feeUstx })
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'TX_REJECTED') throw error
      this.#c.logger.info('rotate-keys not taken', { error: describeError(error) })
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
