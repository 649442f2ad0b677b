import { type Curve, curve, HkdfKey, xOnly } from '../../../curve/index.ts'
import type { S2Keys } from '../keys.ts'

/** What one signer signs with, opened once: thousands of nonces need nothing of it twice. */
export interface MusigKeys {
  /** 33 bytes, of even Y. */
  readonly publicKey: Uint8Array
  /** 32 bytes. */
  readonly xOnly: Uint8Array
  /** The array that was opened, not a copy. */
  readonly secretKey: Uint8Array
  readonly nonceMaterial: HkdfKey
}

/** Throws TypeError if the secret key is none, or is not the even one. */
export function openMusigKeys(
  { musig2, nonceMaterial }: Pick<S2Keys, 'musig2' | 'nonceMaterial'>,
  port: Curve = curve,
): MusigKeys {
  const publicKey = port.publicKeyOf(musig2)
  if (publicKey[0] !== 2) throw new TypeError('the secret key is not the one of even Y')
  return { publicKey, xOnly: xOnly(publicKey), secretKey: musig2, nonceMaterial: new HkdfKey(nonceMaterial) }
}

/** No nonce can be made after it; the keys that were opened are their owner's to zero. */
export const closeMusigKeys = (keys: MusigKeys): void => keys.nonceMaterial.destroy()
