import { zeroize } from '../../base/index.ts'
import { encodePlace, wotsPublicKey, wotsSecretKey, wotsSign, wotsSizes } from '../../crypto/index.ts'
import type { ChainMaterial } from './chain-hasher.ts'
import type { WotsJob } from './types.ts'

/** What a thread is asked for: the public key, or with a message its signature. */
export interface ChainItem extends WotsJob {
  readonly message?: Uint8Array
}

const MATERIAL_BYTES = 32

/** Both materials in memory that all threads share: the pool has one copy of them, however many threads it has, and can wipe it. */
export function shareMaterial({ wots128Material, wots256Material }: ChainMaterial): SharedArrayBuffer {
  if ([wots128Material, wots256Material].some((m) => m.length !== MATERIAL_BYTES))
    throw new TypeError('the material of one-time keys has 32 bytes')
  const shared = new SharedArrayBuffer(2 * MATERIAL_BYTES)
  new Uint8Array(shared).set(wots128Material)
  new Uint8Array(shared).set(wots256Material, MATERIAL_BYTES)
  return shared
}

/** The same material as a thread reads it: views, no copies. */
export const sharedMaterial = (shared: SharedArrayBuffer): ChainMaterial => ({
  wots128Material: new Uint8Array(shared, 0, MATERIAL_BYTES),
  wots256Material: new Uint8Array(shared, MATERIAL_BYTES, MATERIAL_BYTES),
})

/** A copy that nobody else can change, and the name that its public key is remembered by. Throws TypeError on what is no job. */
export function ownJob({ bits, place }: WotsJob): { readonly job: WotsJob; readonly name: string } {
  if (bits !== 128 && bits !== 256) throw new TypeError('one-time keys sign 128 or 256 bits')
  const encoded = encodePlace(place)
  // One character for each byte: half as long as hex, and made for hundreds of keys at once.
  const name = String.fromCharCode(bits / 128, ...encoded)
  return { job: { bits, place: { txid: encoded.slice(0, 32), vout: place.vout, index: place.index } }, name }
}

/** A copy of a message that such a key signs. Throws TypeError on one of another length. */
export function ownMessage({ bits }: WotsJob, message: Uint8Array): Uint8Array {
  if (message.length !== wotsSizes(bits).messageBytes)
    throw new TypeError('the message is not of the length that this one-time key signs')
  return Uint8Array.from(message)
}

/** Hashes that an item takes at most. */
export const costOf = ({ bits }: ChainItem): number => wotsSizes(bits).hashes

/** Whether an answer is of the length that such an item has: what else comes from a thread is none. */
export function isAnswerTo({ bits, message }: ChainItem, answer: unknown): answer is Uint8Array {
  const { keyBytes, signatureBytes } = wotsSizes(bits)
  return answer instanceof Uint8Array && answer.length === (message === undefined ? keyBytes : signatureBytes)
}

export function answerTo({ bits, place, message }: ChainItem, material: ChainMaterial): Uint8Array {
  const secretKey = wotsSecretKey(bits === 128 ? material.wots128Material : material.wots256Material, bits, place)
  try {
    return message === undefined ? wotsPublicKey(secretKey) : wotsSign(secretKey, message)
  } finally {
    zeroize(secretKey)
  }
}
