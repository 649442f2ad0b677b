import { ripemd160 } from '@noble/hashes/legacy.js'
import { sha256 } from '@noble/hashes/sha2.js'

const ELEMENT_BYTES = 20

/** As they begin, and as they work: a hash object made for each step would cost as much as the step. */
const fresh = { sha256: sha256.create(), ripemd160: ripemd160.create() }
const working = { sha256: sha256.create(), ripemd160: ripemd160.create() }
const between = new Uint8Array(32)

/**
 * HASH160 applied `times` times to the 20 bytes of `start`, written into the 20 bytes of `into`; twice as fast as so many calls
 * of `hash160`. What it has worked with is wiped. Throws TypeError on other lengths or counts.
 */
export function hash160Chain(start: Uint8Array, times: number, into: Uint8Array): void {
  if (start.length !== ELEMENT_BYTES || into.length !== ELEMENT_BYTES || !Number.isInteger(times) || times < 0)
    throw new TypeError('a hash chain goes from 20 bytes to 20 bytes in so many steps')
  into.set(start)
  for (let i = 0; i < times; i++) {
    fresh.sha256._cloneInto(working.sha256).update(into).digestInto(between)
    fresh.ripemd160._cloneInto(working.ripemd160).update(between).digestInto(into)
  }
  between.fill(0)
  // Zeroes their buffers; the next chain sets them up again.
  working.sha256.destroy()
  working.ripemd160.destroy()
}
