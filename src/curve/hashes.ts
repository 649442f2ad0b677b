import { hkdf } from '@noble/hashes/hkdf.js'
import { ripemd160 } from '@noble/hashes/legacy.js'
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8 } from '../base/index.ts'

export const sha256 = (bytes: Uint8Array): Uint8Array => nobleSha256(bytes)
export const hash160 = (bytes: Uint8Array): Uint8Array => ripemd160(nobleSha256(bytes))

/** BIP340 tagged hash: SHA-256(SHA-256(tag) ‖ SHA-256(tag) ‖ parts…). Keeps every use of a key and a hash apart from the others. */
export function taggedHash(tag: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const t = nobleSha256(utf8(tag))
  return nobleSha256(concatBytes(t, t, ...parts))
}

/** RFC 5869 with SHA-256. */
export function hkdfSha256(ikm: Uint8Array, info: Uint8Array, lengthBytes: number, salt?: Uint8Array): Uint8Array {
  return hkdf(nobleSha256, ikm, salt, info, lengthBytes)
}
