import type { ParamsInit } from '../../wire/index.ts'
import { type Ask, type CallOptions, given, type ItemOutcome, refusedItem } from '../ask.ts'

/** Who signs together, and under what. */
export interface MusigParams extends CallOptions {
  /** x-only, 32 bytes each, in the order in which they are aggregated: never sorted. */
  readonly orderedPubkeys: readonly Uint8Array[]
  readonly tweak: { readonly kind: 'key'; readonly merkleRoot: Uint8Array | null } | { readonly kind: 'script' }
}
/** 32 bytes. */
interface Sighash {
  readonly sighash: Uint8Array
}
/** The txid in internal byte order, 32 bytes. */
interface Outpoint {
  readonly txid: Uint8Array
  readonly vout: number
}
/** 66 bytes. */
interface AggregateNonce {
  readonly aggnonce: Uint8Array
}
/** 66 bytes. */
export interface PubNonce {
  readonly pubNonce: Uint8Array
}
/** 32 bytes. */
export interface PartialSig {
  readonly partialSig: Uint8Array
}

/** Nonces and partial signatures of this operator. One nonce signs one thing: anything else is `EQUIVOCATION`. */
export interface Musig2Face {
  getPubNonce(request: MusigParams & Sighash): Promise<PubNonce>
  getOurPartialSig(request: MusigParams & Sighash & AggregateNonce): Promise<PartialSig>
  getPubNonceForOutpoint(request: MusigParams & Outpoint): Promise<PubNonce>
  getOurPartialSigForOutpoint(
    request: MusigParams & Outpoint & AggregateNonce & { readonly message: Uint8Array },
  ): Promise<PartialSig>
  /** In the order of the sighashes. */
  getPubNonceBatch(
    request: MusigParams & { readonly sighashes: readonly Uint8Array[] },
  ): Promise<readonly ItemOutcome<PubNonce>[]>
  /** In the order of the items. */
  getOurPartialSigBatch(
    request: MusigParams & { readonly items: readonly (Sighash & AggregateNonce)[] },
  ): Promise<readonly ItemOutcome<PartialSig>[]>
}

function paramsOf({
  orderedPubkeys,
  tweak,
}: MusigParams): Pick<ParamsInit<'musig2.get_pub_nonce'>, 'orderedPubkeys' | 'tweak'> {
  const kind =
    tweak.kind === 'script'
      ? ({ case: 'script', value: {} } as const)
      : ({ case: 'key', value: given('merkleRoot', tweak.merkleRoot) } as const)
  return { orderedPubkeys: [...orderedPubkeys], tweak: { kind } }
}

export const musig2Face = (ask: Ask): Musig2Face => ({
  getPubNonce: async (r) => {
    const { pubNonce } = await ask('musig2.get_pub_nonce', { ...paramsOf(r), sighash: r.sighash }, r)
    return { pubNonce }
  },
  getOurPartialSig: async (r) => {
    const params = { ...paramsOf(r), sighash: r.sighash, aggnonce: r.aggnonce }
    const { partialSig } = await ask('musig2.get_our_partial_sig', params, r)
    return { partialSig }
  },
  getPubNonceForOutpoint: async (r) => {
    const params = { ...paramsOf(r), txid: r.txid, vout: r.vout }
    const { pubNonce } = await ask('musig2.get_pub_nonce_for_outpoint', params, r)
    return { pubNonce }
  },
  getOurPartialSigForOutpoint: async (r) => {
    const { txid, vout, aggnonce, message } = r
    const params = { ...paramsOf(r), txid, vout, aggnonce, message }
    const { partialSig } = await ask('musig2.get_our_partial_sig_for_outpoint', params, r)
    return { partialSig }
  },
  getPubNonceBatch: async (r) => {
    const { items } = await ask('musig2.get_pub_nonce_batch', { ...paramsOf(r), sighashes: [...r.sighashes] }, r)
    return items.map(({ pubNonce, error }) => (pubNonce === undefined ? refusedItem(error) : { ok: true, pubNonce }))
  },
  getOurPartialSigBatch: async (r) => {
    const wanted = r.items.map(({ sighash, aggnonce }) => ({ sighash, aggnonce }))
    const { items } = await ask('musig2.get_our_partial_sig_batch', { ...paramsOf(r), items: wanted }, r)
    return items.map(({ partialSig, error }) =>
      partialSig === undefined ? refusedItem(error) : { ok: true, partialSig },
    )
  },
})
