import { extract, hkdf } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { ripemd160 } from '@noble/hashes/legacy.js'
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { utf8, zeroize } from '../base/index.ts'

export const sha256 = (bytes: Uint8Array): Uint8Array => nobleSha256(bytes)
export const hash160 = (bytes: Uint8Array): Uint8Array => ripemd160(nobleSha256(bytes))

/** SHA-256 that has taken SHA-256(tag) twice, by tag. Tags are constants of ours; should they ever not be, only the first ones are kept. */
const tagged = new Map<string, ReturnType<typeof nobleSha256.create>>()
const MAX_TAGS = 256
/** What such a hash is copied into: a hash is done before the next one begins, and making one takes as long as a block. */
const scratch = nobleSha256.create()

function startTagged(tag: string) {
  const known = tagged.get(tag)
  if (known !== undefined) return known._cloneInto(scratch)
  const t = nobleSha256(utf8(tag))
  const fresh = nobleSha256.create().update(t).update(t)
  if (tagged.size < MAX_TAGS) tagged.set(tag, fresh.clone())
  return fresh
}

/**
 * BIP340 tagged hash: SHA-256(SHA-256(tag) ‖ SHA-256(tag) ‖ parts…). Keeps every use of a key and a hash apart from the others.
 * The parts are never joined in memory: they may be secret.
 */
export function taggedHash(tag: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const hash = startTagged(tag)
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** RFC 5869 with SHA-256. */
export function hkdfSha256(ikm: Uint8Array, info: Uint8Array, lengthBytes: number, salt?: Uint8Array): Uint8Array {
  return hkdf(nobleSha256, ikm, salt, info, lengthBytes)
}

const HKDF_FIRST_BLOCK = Uint8Array.of(1)

/** `hkdfSha256` without salt, 32 bytes at a time, of one key that is asked often: what comes of the key alone is hashed once. */
export class HkdfKey {
  readonly #mac: ReturnType<typeof hmac.create>
  /** What it is copied into; its owner's alone, and wiped by each digest. */
  readonly #scratch: ReturnType<typeof hmac.create>
  #destroyed = false

  /** Keeps no reference to `ikm`. */
  constructor(ikm: Uint8Array) {
    const pseudorandomKey = extract(nobleSha256, ikm)
    this.#mac = hmac.create(nobleSha256, pseudorandomKey)
    this.#scratch = hmac.create(nobleSha256, pseudorandomKey)
    zeroize(pseudorandomKey)
  }
  /** Throws TypeError once destroyed. */
  derive32(...info: readonly Uint8Array[]): Uint8Array {
    if (this.#destroyed) throw new TypeError('this HKDF key was destroyed')
    const mac = this.#mac._cloneInto(this.#scratch)
    for (const part of info) mac.update(part)
    return mac.update(HKDF_FIRST_BLOCK).digest()
  }
  destroy(): void {
    this.#destroyed = true
    this.#mac.destroy()
    this.#scratch.destroy()
  }
}
