import { type PeerIdStr, type PublicKey, zeroize } from '../base/index.ts'
import { curve } from './chosen.ts'
import { taggedHash } from './hashes.ts'
import { parsePublicKey, peerIdOfKey } from './keys.ts'

/**
 * A secp256k1 key that this process owns. The secret leaves it only through `exposeSecret`, whose callers are the few
 * libraries that want raw bytes (libp2p identity, Stacks transactions, sealing).
 */
export class KeyPair {
  readonly publicKey: PublicKey
  readonly peerId: PeerIdStr
  readonly #secret: Uint8Array

  private constructor(secret: Uint8Array) {
    this.#secret = secret
    this.publicKey = parsePublicKey(curve.publicKeyOf(secret))
    this.peerId = peerIdOfKey(this.publicKey)
  }

  /** Takes a copy of `secret` (32 bytes). Throws TypeError on zero or a value beyond the group order. */
  static fromSecret(secret: Uint8Array): KeyPair {
    if (secret.length !== 32 || !curve.isSecret(secret)) throw new TypeError('not a secret key of secp256k1')
    // Not `slice`: a Buffer's would be a view of the caller's bytes.
    return new KeyPair(Uint8Array.from(secret))
  }
  static generate(): KeyPair {
    return new KeyPair(curve.randomScalar())
  }

  /** ECDSA (strict low-s, 64 bytes) over tagged hash(tag, message): every use of the key has its own tag (R1). */
  sign(tag: string, message: Uint8Array): Uint8Array {
    return curve.ecdsaSign(taggedHash(tag, message), this.#secret)
  }
  exposeSecret(): Uint8Array {
    return Uint8Array.from(this.#secret)
  }
  destroy(): void {
    zeroize(this.#secret)
  }
  /** Never renders the secret. */
  toJSON(): string {
    return this.publicKey
  }
}

/** Checks a signature made by `KeyPair.sign`. Never throws. */
export function verifyTagged(tag: string, message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean {
  return curve.ecdsaVerify(signature, taggedHash(tag, message), publicKey)
}
