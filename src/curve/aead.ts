import { chacha20poly1305 } from '@noble/ciphers/chacha.js'

/** ChaCha20-Poly1305 under a key that seals exactly one message, hence the fixed nonce (32-byte key; 16 bytes are added). */
const ONE_MESSAGE_NONCE = new Uint8Array(12)

export function sealOnce(key: Uint8Array, plaintext: Uint8Array, associatedData: Uint8Array): Uint8Array {
  return chacha20poly1305(key, ONE_MESSAGE_NONCE, associatedData).encrypt(plaintext)
}

/** undefined if it was not sealed with this key and associated data. */
export function openOnce(key: Uint8Array, box: Uint8Array, associatedData: Uint8Array): Uint8Array | undefined {
  try {
    return chacha20poly1305(key, ONE_MESSAGE_NONCE, associatedData).decrypt(box)
  } catch {
    return undefined
  }
}
