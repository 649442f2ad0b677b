import { hkdfSha256 } from '../../curve/index.ts'
import { encodePlace, type Place } from './place.ts'

/** The preimage, 32 bytes, of a stake: what is public of it is its SHA-256. `material`: 32 bytes. */
export const stakePreimage = (material: Uint8Array, stake: Place): Uint8Array =>
  hkdfSha256(material, encodePlace(stake), 32)
