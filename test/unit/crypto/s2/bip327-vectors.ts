import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromHex } from '../../../../src/base/index.ts'

/** What the BIP says is wrong: with somebody's contribution, or with a value. */
export interface BipError {
  readonly type: 'invalid_contribution' | 'value'
  readonly signer?: number | null
  readonly contrib?: string
  readonly message?: string
}
export interface Tweaked {
  readonly key_indices: readonly number[]
  readonly tweak_indices: readonly number[]
  readonly is_xonly: readonly boolean[]
}
export interface Signed {
  readonly key_indices: readonly number[]
  readonly nonce_indices: readonly number[]
  readonly aggnonce_index: number
  readonly msg_index: number
  readonly signer_index: number
  readonly secnonce_index: number
  readonly sig: string
  readonly expected: string
}
export interface Deterministic {
  readonly rand: string | null
  readonly aggothernonce: string
  readonly key_indices: readonly number[]
  readonly tweaks: readonly string[]
  readonly is_xonly: readonly boolean[]
  readonly msg_index: number
  readonly signer_index: number
  readonly expected: readonly string[]
}
type Hexes = readonly string[]
type Failing<T> = readonly (T & { readonly error: BipError; readonly comment: string })[]

const load = (name: string) =>
  JSON.parse(readFileSync(join(import.meta.dirname, `../../../vectors/bip327/${name}_vectors.json`), 'utf8'))

export const KEY_SORT: { readonly pubkeys: Hexes; readonly sorted_pubkeys: Hexes } = load('key_sort')
export const KEY_AGG: {
  readonly pubkeys: Hexes
  readonly tweaks: Hexes
  readonly valid_test_cases: readonly { readonly key_indices: readonly number[]; readonly expected: string }[]
  readonly error_test_cases: Failing<Tweaked>
} = load('key_agg')
export const NONCE_GEN: { readonly test_cases: readonly Readonly<Record<string, string | null>>[] } = load('nonce_gen')
export const NONCE_AGG: {
  readonly pnonces: Hexes
  readonly valid_test_cases: readonly { readonly pnonce_indices: readonly number[]; readonly expected: string }[]
  readonly error_test_cases: Failing<{ readonly pnonce_indices: readonly number[] }>
} = load('nonce_agg')
export const SIGN: {
  readonly sk: string
  readonly pubkeys: Hexes
  readonly secnonces: Hexes
  readonly pnonces: Hexes
  readonly aggnonces: Hexes
  readonly msgs: Hexes
  readonly valid_test_cases: readonly Signed[]
  readonly sign_error_test_cases: Failing<Signed>
  readonly verify_fail_test_cases: readonly (Signed & { readonly comment: string })[]
  readonly verify_error_test_cases: Failing<Signed>
} = load('sign_verify')
export const TWEAK: {
  readonly sk: string
  readonly pubkeys: Hexes
  readonly secnonce: string
  readonly pnonces: Hexes
  readonly aggnonce: string
  readonly tweaks: Hexes
  readonly msg: string
  readonly valid_test_cases: readonly (Signed & Tweaked & { readonly comment: string })[]
  readonly error_test_cases: Failing<Signed & Tweaked>
} = load('tweak')
export const DETERMINISTIC: {
  readonly sk: string
  readonly pubkeys: Hexes
  readonly msgs: Hexes
  readonly valid_test_cases: readonly Deterministic[]
  readonly error_test_cases: Failing<Deterministic>
} = load('det_sign')
export const SIG_AGG: {
  readonly pubkeys: Hexes
  readonly pnonces: Hexes
  readonly tweaks: Hexes
  readonly psigs: Hexes
  readonly msg: string
  readonly valid_test_cases: readonly SigAgg[]
  readonly error_test_cases: Failing<SigAgg>
} = load('sig_agg')
export interface SigAgg extends Tweaked {
  readonly aggnonce: string
  readonly nonce_indices: readonly number[]
  readonly psig_indices: readonly number[]
  readonly expected: string
}

/** Those of `list` that `indices` name. */
export const at = (list: Hexes, indices: readonly number[]): readonly Uint8Array[] =>
  indices.map((i) => fromHex((list[i] ?? 'none').toLowerCase()))
export const one = (list: Hexes, index: number): Uint8Array => at(list, [index])[0] ?? new Uint8Array(0)
export const bytesOf = (hex: string): Uint8Array => fromHex(hex.toLowerCase())
