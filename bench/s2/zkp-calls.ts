/** The same calls on libsecp256k1-zkp in wasm, for baselines: one signer's nonce, its partial signature, and that verified. */
import { musig } from '../baseline/zkp.ts'

export interface ZkpSigner {
  /** x-only, in order. */
  readonly keys: readonly Uint8Array[]
  readonly secret: Uint8Array
  readonly publicKey: Uint8Array
  readonly aggNonce: Uint8Array
}

/** With keys that were aggregated before, as ours are. Throws what the wasm throws, and if its signature is wrong. */
export function zkpCalls({ keys, secret, publicKey, aggNonce }: ZkpSigner): (sighash: Uint8Array) => void {
  const { keyaggCache } = musig.pubkeyAgg(keys.map((key) => Uint8Array.of(2, ...key)))
  return (sighash) => {
    const { secNonce, pubNonce } = musig.nonceGen(sighash, publicKey)
    const session = musig.nonceProcess(aggNonce, sighash, keyaggCache)
    const partial = musig.partialSign(secNonce, secret, keyaggCache, session)
    if (!musig.partialVerify(partial, pubNonce, publicKey, keyaggCache, session))
      throw new Error('the wasm signed wrong')
  }
}
