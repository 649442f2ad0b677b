import { ed25519 as noble } from '@noble/curves/ed25519.js'

/** Ed25519 of RFC 8032. A secret is its seed, 32 bytes; public keys have 32 bytes, signatures 64; messages any length. */
export interface Ed25519 {
  /** Throws TypeError on a seed of another length. */
  publicKeyOf(seed: Uint8Array): Uint8Array
  /** Deterministic, as the RFC has it. Throws TypeError on a seed of another length. */
  sign(message: Uint8Array, seed: Uint8Array): Uint8Array
  /** By the RFC's rules, which are stricter than ZIP215: only canonical encodings, no key of small order. Never throws. */
  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
}

const SEED_BYTES = 32

function checkSeed(seed: Uint8Array): void {
  if (seed.length !== SEED_BYTES) throw new TypeError('an Ed25519 seed has 32 bytes')
}

/** @noble/curves: this room must load where only JavaScript does. */
export const ed25519: Ed25519 = {
  publicKeyOf: (seed) => {
    checkSeed(seed)
    return noble.getPublicKey(seed)
  },
  sign: (message, seed) => {
    checkSeed(seed)
    return noble.sign(message, seed)
  },
  verify: (signature, message, publicKey) => {
    try {
      return noble.verify(signature, message, publicKey, { zip215: false })
    } catch {
      return false
    }
  },
}
