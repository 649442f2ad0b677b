import { ed25519 as noble } from '@noble/curves/ed25519.js'
import { openssl25519 } from './openssl-25519.ts'

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

/** What computes with a secret; lengths are looked at before. */
type OfSecrets = Pick<Ed25519, 'publicKeyOf' | 'sign'>

const inJavaScript: OfSecrets = {
  publicKeyOf: (seed) => noble.getPublicKey(seed),
  sign: (message, seed) => noble.sign(message, seed),
}

/** Over whatever computes with seeds. Verification is always noble's: OpenSSL's takes keys of small order. */
function ed25519Over(secrets: OfSecrets): Ed25519 {
  return {
    publicKeyOf: (seed) => {
      checkSeed(seed)
      return secrets.publicKeyOf(seed)
    },
    sign: (message, seed) => {
      checkSeed(seed)
      return secrets.sign(message, seed)
    },
    verify: (signature, message, publicKey) => {
      try {
        return noble.verify(signature, message, publicKey, { zip215: false })
      } catch {
        return false
      }
    },
  }
}

export const nobleEd25519: Ed25519 = ed25519Over(inJavaScript)
export const ed25519: Ed25519 = openssl25519 === undefined ? nobleEd25519 : ed25519Over(openssl25519.ed25519)
