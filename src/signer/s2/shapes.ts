import { type Place, type WotsBits, wotsSizes } from '../../crypto/index.ts'
import { S2Error } from './errors.ts'
import type { WotsJob } from './types.ts'

const MAX_U32 = 0xffff_ffff

/** A copy of the bytes. Throws S2Error `BAD_REQUEST`. */
export function bytesOf(value: Uint8Array, length: number, field: string): Uint8Array {
  if (value.length !== length) throw badRequest(field, `${length} bytes`)
  return Uint8Array.from(value)
}

/** A copy. Throws S2Error `BAD_REQUEST`. */
export const placeOf = ({ txid, vout, index }: Place): Place => ({
  txid: bytesOf(txid, 32, 'txid'),
  vout: u32Of(vout, 'vout'),
  index: u32Of(index, 'index'),
})

/** A copy. Throws S2Error `BAD_REQUEST`. */
export function jobOf({ bits, place }: WotsJob): WotsJob {
  if (bits !== 128 && bits !== 256) throw badRequest('bits', '128 or 256')
  return { bits, place: placeOf(place) }
}

/** A copy. Throws S2Error `BAD_REQUEST`. */
export const wotsMessageOf = (bits: WotsBits, message: Uint8Array): Uint8Array =>
  bytesOf(message, wotsSizes(bits).messageBytes, 'message')

function u32Of(value: number, field: string): number {
  if (!Number.isInteger(value) || value < 0 || value > MAX_U32) throw badRequest(field, 'an integer of 32 bits')
  return value
}

export const badRequest = (field: string, expected: string): S2Error =>
  new S2Error('BAD_REQUEST', `${field}: expected ${expected}`, { field, expected })
