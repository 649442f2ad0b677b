import { zeroize } from '../../base/index.ts'
import { curve, xOnly } from '../../curve/index.ts'
import { tweakScalar } from '../signing/tweak.ts'
import { evenSecret } from './keys.ts'

/** Under which key a wallet signs. */
export type WalletTweak =
  /** The key as it is, for leaves of a script tree. */
  | { readonly kind: 'none' }
  /**
   * The output key of BIP341; without a root that of BIP86, so never the key as it is. `keyTweak`, 32 bytes big-endian, is added to
   * the key before.
   */
  | { readonly kind: 'taproot'; readonly merkleRoot: Uint8Array | null; readonly keyTweak?: Uint8Array }

/** BIP340 over a digest of 32 bytes; `auxRand` as in the curve port. Throws TypeError on another digest, or a tweak that is none. */
export function walletSign(
  secret: Uint8Array,
  digest: Uint8Array,
  tweak: WalletTweak,
  auxRand?: Uint8Array,
): Uint8Array {
  if (digest.length !== 32) throw new TypeError('a digest has 32 bytes')
  const tweaked = tweakedSecret(secret, tweak)
  const signature = curve.schnorrSign(digest, tweaked, auxRand)
  zeroize(tweaked)
  return signature
}

/** What such signatures verify under, x-only. */
export function walletPublicKey(secret: Uint8Array, tweak: WalletTweak): Uint8Array {
  const tweaked = tweakedSecret(secret, tweak)
  const publicKey = xOnly(curve.publicKeyOf(tweaked))
  zeroize(tweaked)
  return publicKey
}

/** Of a secret whose public key is even; a copy. */
function tweakedSecret(secret: Uint8Array, tweak: WalletTweak): Uint8Array {
  if (tweak.kind === 'none') return secret.slice()
  const { merkleRoot, keyTweak } = tweak
  const internal = keyTweak === undefined ? secret.slice() : evenSecret(curve.addScalars(secret, keyTweak))
  const t = tweakScalar(curve.publicKeyOf(internal), merkleRoot)
  const output = curve.addScalars(internal, t)
  zeroize(internal)
  return output
}
