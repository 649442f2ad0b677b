import { x25519 as noble } from '@noble/curves/ed25519.js'
import { openssl25519 } from './openssl-25519.ts'

/** X25519 of RFC 7748: secrets, public keys and results have 32 bytes. Any 32 bytes are a secret; the RFC clamps them. */
export interface X25519 {
  /** Throws TypeError on a secret of another length. */
  publicKeyOf(secret: Uint8Array): Uint8Array
  /**
   * What both ends come to. Throws TypeError on other lengths, and where the result is all zeros: the peer's key is then one of
   * the few of small order, and everybody knows the result (RFC 7748, 6.1).
   */
  sharedSecret(secret: Uint8Array, peerPublicKey: Uint8Array): Uint8Array
}

const KEY_BYTES = 32

function checkLength(what: string, bytes: Uint8Array): void {
  if (bytes.length !== KEY_BYTES) throw new TypeError(`${what} of X25519 has 32 bytes`)
}

/** What computes with a secret; lengths are looked at before. */
type OfSecrets = Pick<X25519, 'publicKeyOf' | 'sharedSecret'>

const inJavaScript: OfSecrets = {
  publicKeyOf: (secret) => noble.getPublicKey(secret),
  sharedSecret: (secret, peer) => noble.getSharedSecret(secret, peer),
}

function x25519Over(secrets: OfSecrets): X25519 {
  return {
    publicKeyOf: (secret) => {
      checkLength('a secret', secret)
      return secrets.publicKeyOf(secret)
    },
    sharedSecret: (secret, peerPublicKey) => {
      checkLength('a secret', secret)
      checkLength('a public key', peerPublicKey)
      try {
        return secrets.sharedSecret(secret, peerPublicKey)
      } catch {
        // The only thing left that either refuses, and without saying so by a type.
        throw new TypeError('an X25519 public key of small order shares nothing')
      }
    },
  }
}

export const nobleX25519: X25519 = x25519Over(inJavaScript)
export const x25519: X25519 = openssl25519 === undefined ? nobleX25519 : x25519Over(openssl25519.x25519)
