import type { SchnorrTarget } from '../../../signer/index.ts'
import { type ParamsInit, TARGETS } from '../../wire/index.ts'
import { type Ask, type CallOptions, given, type ItemOutcome, refusedItem } from '../ask.ts'

export interface SchnorrDigest extends CallOptions {
  /** Which wallet signs. */
  readonly target: SchnorrTarget
  /** 32 bytes. */
  readonly digest: Uint8Array
}
export interface SchnorrSign extends SchnorrDigest {
  /** Merkle root, 32 bytes. Without it the key is tweaked with the empty root, as BIP86 says. */
  readonly tapTweak?: Uint8Array | null
}
export interface SchnorrKeyTweakSign extends SchnorrSign {
  /** 32 bytes, a big-endian scalar below the order. */
  readonly keyTweak: Uint8Array
}
export interface SchnorrBatch extends CallOptions {
  readonly target: SchnorrTarget
  readonly items: readonly {
    readonly digest: Uint8Array
    readonly tweak:
      | { readonly kind: 'none' }
      | { readonly kind: 'taproot'; readonly tapTweak?: Uint8Array | null; readonly keyTweak?: Uint8Array | null }
  }[]
}
/** BIP340, 64 bytes. */
export interface Signature {
  readonly signature: Uint8Array
}
export interface PublicKeyBytes {
  readonly publicKey: Uint8Array
}

/** The wallets of the secret service that sign by BIP340. */
export interface SchnorrFace {
  sign(request: SchnorrSign): Promise<Signature>
  /** By the bare key, for leaves of a script tree. */
  signNoTweak(request: SchnorrDigest): Promise<Signature>
  signWithKeyTweak(request: SchnorrKeyTweakSign): Promise<Signature>
  /** In the order of the items. */
  signBatch(request: SchnorrBatch): Promise<readonly ItemOutcome<Signature>[]>
  /** x-only, 32 bytes, untweaked. */
  publicKey(request: { readonly target: SchnorrTarget } & CallOptions): Promise<PublicKeyBytes>
}

type Item = NonNullable<ParamsInit<'schnorr.sign_batch'>['items']>[number]

function itemOf({ digest, tweak }: SchnorrBatch['items'][number]): Item {
  const kind =
    tweak.kind === 'none'
      ? ({ case: 'none', value: {} } as const)
      : ({
          case: 'taproot',
          value: { ...given('tapTweak', tweak.tapTweak), ...given('keyTweak', tweak.keyTweak) },
        } as const)
  return { digest, tweak: { kind } }
}

export const schnorrFace = (ask: Ask): SchnorrFace => ({
  sign: async (r) => {
    const params = { target: TARGETS.value(r.target), digest: r.digest, ...given('tapTweak', r.tapTweak) }
    const { signature } = await ask('schnorr.sign', params, r)
    return { signature }
  },
  signNoTweak: async (r) => {
    const params = { target: TARGETS.value(r.target), digest: r.digest }
    const { signature } = await ask('schnorr.sign_no_tweak', params, r)
    return { signature }
  },
  signWithKeyTweak: async (r) => {
    const params = { target: TARGETS.value(r.target), digest: r.digest, ...given('tapTweak', r.tapTweak) }
    const { signature } = await ask('schnorr.sign_with_key_tweak', { ...params, keyTweak: r.keyTweak }, r)
    return { signature }
  },
  signBatch: async (r) => {
    const params = { target: TARGETS.value(r.target), items: r.items.map(itemOf) }
    const { items } = await ask('schnorr.sign_batch', params, r)
    return items.map(({ signature, error }) => (signature === undefined ? refusedItem(error) : { ok: true, signature }))
  },
  publicKey: async (r) => {
    const { publicKey } = await ask('schnorr.public_key', { target: TARGETS.value(r.target) }, r)
    return { publicKey }
  },
})
