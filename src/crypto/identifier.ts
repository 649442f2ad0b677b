import { schnorr_FROST } from '@noble/curves/secp256k1.js'
import { BoundedMap, fromHex, type PublicKey } from '../base/index.ts'
import { reduced } from './public-scalars.ts'

/** Eight sets of the largest size: more are never in use at once, and a forgotten one is only hashed again. */
const REMEMBERED = 8 * 128
const known = new BoundedMap<PublicKey, string>(REMEMBERED)

/** FROST identifier of a member: a function of its registered key, so no one can claim another's index (incident 34). */
export const identifierOf = (key: PublicKey): string =>
  known.getOrMake(key, () => schnorr_FROST.Identifier.derive(`countersign/identifier/${key}`))

/** An identifier as it is hashed, 32 bytes, and as it is computed with. */
export interface ParsedIdentifier {
  readonly bytes: Uint8Array
  readonly scalar: bigint
}
const parsed = new BoundedMap<string, ParsedIdentifier>(REMEMBERED)

export const parseIdentifier = (identifier: string): ParsedIdentifier =>
  parsed.getOrMake(identifier, () => {
    const bytes = fromHex(identifier)
    return { bytes, scalar: reduced(bytes) }
  })
