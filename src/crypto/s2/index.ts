export { closeS2Keys, openS2Keys, type S2Keys } from './keys.ts'
export type { Place } from './place.ts'
export { stakePreimage } from './preimage.ts'
export { type WotsBits, wotsPublicKey, wotsSecretKey, wotsSign, wotsVerify } from './wots.ts'
