import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromHex } from '../../../../src/base/index.ts'
import {
  type MusigCode,
  type MusigContext,
  MusigError,
  type MusigForm,
  type MusigKeys,
  type MusigTweak,
  openMusig,
  openMusigKeys,
  openS2Keys,
} from '../../../../src/crypto/index.ts'
import { type Curve, nobleCurve, xOnly } from '../../../../src/curve/index.ts'

export interface MusigCase {
  readonly version: 'outpoint' | 'sighash'
  readonly tweak: string
  readonly outpoint_txid: string
  readonly outpoint_vout: number
  readonly merkle_root: string | null
  readonly sighash: string
  readonly nonce_seed: string
  readonly agg_xonly: string
  readonly secnonce_k1k2: string
  readonly pubnonce: string
  readonly all_pubnonces: readonly string[]
  readonly aggnonce: string
  readonly our_partial_sig: string
  readonly all_partials: readonly string[]
  readonly final_sig: string
}
export interface OtherOrder {
  readonly ordered_pubkeys_xonly?: readonly string[]
  readonly agg_xonly: string
  readonly pubnonce_outpoint_version: string
  readonly pubnonce_head: string
}
export const VECTORS = JSON.parse(readFileSync(join(import.meta.dirname, '../../../vectors/s2.json'), 'utf8')) as {
  readonly seed: string
  readonly musig2: {
    readonly ordered_pubkeys_xonly: readonly string[]
    readonly untweaked_agg_xonly: string
    readonly cases: readonly MusigCase[]
    readonly unsorted_index1: OtherOrder
    readonly single_signer: OtherOrder
  }
}

export const SCRIPT: MusigTweak = { kind: 'script' }
export const KEY: MusigTweak = { kind: 'key', merkleRoot: null }
export const seedKeys = (port: Curve): MusigKeys => openMusigKeys(openS2Keys(fromHex(VECTORS.seed)), port)

export const tweakOf = ({ tweak, merkle_root }: MusigCase): MusigTweak =>
  tweak.startsWith('Script') ? SCRIPT : { kind: 'key', merkleRoot: merkle_root === null ? null : fromHex(merkle_root) }
export const formOf = (c: MusigCase, version = c.version): MusigForm =>
  version === 'sighash'
    ? { kind: 'sighash', sighash: fromHex(c.sighash) }
    : { kind: 'outpoint', txid: fromHex(c.outpoint_txid), vout: c.outpoint_vout }

export const bytes = (length: number, seed = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + seed) & 255)

/** Keys of even Y and nonce material of a signer that is made up. */
export function madeUp(seed: number, port: Curve): MusigKeys {
  const secret = bytes(32, seed)
  const musig2 = nobleCurve.publicKeyOf(secret)[0] === 2 ? secret : nobleCurve.negateScalar(secret)
  return openMusigKeys({ musig2, nonceMaterial: bytes(32, seed + 100) }, port)
}
/** x-only keys of `count` others. */
export const others = (count: number): readonly Uint8Array[] =>
  Array.from({ length: count }, (_, i) => xOnly(nobleCurve.publicKeyOf(bytes(32, 20 + i))))
/** Of `keys` as the second of `count`. */
export function contextOf(keys: MusigKeys, port: Curve, count = 3, tweak: MusigTweak = KEY): MusigContext {
  const list = others(count - 1)
  return openMusig({ orderedPublicKeys: [...list.slice(0, 1), keys.xOnly, ...list.slice(1)], tweak }, keys.xOnly, port)
}

/** Its code; `undefined` if it does not throw. Anything but MusigError passes. */
export function codeOf(compute: () => unknown): MusigCode | undefined {
  try {
    compute()
    return undefined
  } catch (error) {
    if (error instanceof MusigError) return error.code
    throw error
  }
}
