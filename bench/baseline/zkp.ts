import { createRequire } from 'node:module'
import type { Secp256k1ZKP } from '@vulpemventures/secp256k1-zkp'
import { concatBytes } from '../../src/base/index.ts'

/** libsecp256k1-zkp in wasm, with what its wrapper does not say. */
export const { musig } = await load()

/** It is CommonJS, and those who import such things don't agree on where its default export is. */
async function load(): Promise<Secp256k1ZKP> {
  const zkp: { readonly default: () => Promise<Secp256k1ZKP> } = createRequire(import.meta.url)(
    '@vulpemventures/secp256k1-zkp',
  )
  return await zkp.default()
}

/** As the library keeps a secret nonce: a magic number, both scalars, the public key in a form of its own. */
const MAGIC_BYTES = 4
const SCALARS_BYTES = 64

/** A secret nonce of ours as the library takes it. */
export function asZkpNonce(first: Uint8Array, second: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const { secNonce } = musig.nonceGen(new Uint8Array(32).fill(1), publicKey)
  return concatBytes(secNonce.subarray(0, MAGIC_BYTES), first, second, secNonce.subarray(MAGIC_BYTES + SCALARS_BYTES))
}
/** Both scalars of a secret nonce of the library. */
export const scalarsOf = (secNonce: Uint8Array): Uint8Array => secNonce.slice(MAGIC_BYTES, MAGIC_BYTES + SCALARS_BYTES)
