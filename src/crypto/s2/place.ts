import { concatBytes } from '../../base/index.ts'

/** What a one-time secret is for: an output of a transaction, and which of those there. */
export interface Place {
  /** 32 bytes in internal order, the reverse of what explorers show. */
  readonly txid: Uint8Array
  readonly vout: number
  readonly index: number
}

/** As HKDF is told of it: integers as 32 bits, little-endian. Throws TypeError on what no transaction can hold. */
export function encodePlace({ txid, vout, index }: Place): Uint8Array {
  if (txid.length !== 32) throw new TypeError('a txid has 32 bytes')
  return concatBytes(txid, u32le(vout), u32le(index))
}

export function u32le(n: number): Uint8Array {
  if (!Number.isInteger(n) || n < 0 || n > 0xffff_ffff) throw new TypeError('an index has 32 bits')
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, n, true)
  return bytes
}
