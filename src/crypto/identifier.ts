import { schnorr_FROST } from '@noble/curves/secp256k1.js'
import type { PublicKey } from '../base/index.ts'

/** FROST identifier of a member: a function of its registered key, so no one can claim another's index (incident 34). */
export const identifierOf = (key: PublicKey): string => schnorr_FROST.Identifier.derive(`countersign/identifier/${key}`)
