import type { P2pScheme } from '../../../signer/index.ts'
import { SCHEMES } from '../../wire/index.ts'
import type { Ask, CallOptions } from '../ask.ts'
import type { PublicKeyBytes, Signature } from './schnorr.ts'

interface OfScheme extends CallOptions {
  readonly scheme: P2pScheme
}

/** The key of the bridge nodes' own network. */
export interface P2pFace {
  /** 64 bytes. docs/PROTOCOL.md says what a bip340 signature is made over. */
  sign(request: OfScheme & { readonly message: Uint8Array }): Promise<Signature>
  /** x-only for bip340, the Ed25519 key otherwise; 32 bytes. */
  publicKey(request: OfScheme): Promise<PublicKeyBytes>
}

export const p2pFace = (ask: Ask): P2pFace => ({
  sign: async (r) => {
    const { signature } = await ask('p2p.sign', { scheme: SCHEMES.value(r.scheme), message: r.message }, r)
    return { signature }
  },
  publicKey: async (r) => {
    const { publicKey } = await ask('p2p.public_key', { scheme: SCHEMES.value(r.scheme) }, r)
    return { publicKey }
  },
})
