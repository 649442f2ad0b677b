import { encodeFields, toHex } from '../../base/index.ts'
import type { WotsBits } from '../../crypto/index.ts'
import { taggedHash } from '../../curve/index.ts'
import type { MusigForm, MusigParams, WotsJob } from './types.ts'

const KEY_TAG = 'countersign/s2-binding'
const USE_TAG = 'countersign/s2-use'

/** What a one-time secret is found by in the store: a letter for its kind, and a hash. */
export type BindingKey = string & { readonly __brand: 'BindingKey' }
export const BINDING_KINDS = ['m', 'w'] as const
export type BindingKind = (typeof BINDING_KINDS)[number]

/** Whose MuSig2 nonce it is. All of it is hashed into the nonce. */
export interface NonceOwner {
  /** x-only. */
  readonly ownPublicKey: Uint8Array
  /** x-only, tweaked. */
  readonly aggregateKey: Uint8Array
  readonly ownIndex: number
}

/** Exactly what makes a nonce, whoever asks, and nothing else (R30): two requests that get one nonce have one key here. */
export function nonceBindingKey(form: MusigForm, owner: NonceOwner): BindingKey {
  const named = form.kind === 'sighash' ? [form.sighash] : [form.txid, form.vout]
  const fields = encodeFields(form.kind, ...named, owner.ownPublicKey, owner.aggregateKey, owner.ownIndex)
  return nameOf('m', taggedHash(KEY_TAG, fields))
}

/** The same for a one-time signing key. `seed` is what names the seed: its MuSig2 key, x-only. */
export function wotsBindingKey({ bits, place }: WotsJob, seed: Uint8Array): BindingKey {
  return nameOf('w', taggedHash(KEY_TAG, encodeFields('wots', seed, bits, place.txid, place.vout, place.index)))
}

const nameOf = (kind: BindingKind, hash: Uint8Array): BindingKey => `${kind}/${toHex(hash)}` as BindingKey

export const kindOf = (key: BindingKey): BindingKind => (key.startsWith('m') ? 'm' : 'w')

/** Of a key as it stands in a journal; undefined if it is none. */
export const parseBindingKey = (text: string): BindingKey | undefined =>
  /^[mw]\/[0-9a-f]{64}$/.test(text) ? (text as BindingKey) : undefined

/** Who signs together and under what, in this order: with aggregate nonce and message all that enters a partial signature. */
export function paramsHash({ tweak, orderedPublicKeys }: MusigParams): Uint8Array {
  const root = tweak.kind === 'script' ? ['script'] : tweak.merkleRoot === null ? ['key'] : ['key', tweak.merkleRoot]
  return taggedHash(USE_TAG, encodeFields('params', encodeFields(...root), encodeFields(...orderedPublicKeys)))
}

/**
 * Everything else that enters a partial signature (R30). In the form of outpoints the message is free: without it here, three
 * signatures of one nonce would give the key away.
 */
export const partialUse = (params: Uint8Array, aggNonce: Uint8Array, message: Uint8Array): Uint8Array =>
  taggedHash(USE_TAG, encodeFields('partial', aggNonce, message, params))

/** A one-time key's use: this message. */
export const wotsMessageUse = (bits: WotsBits, message: Uint8Array): Uint8Array =>
  taggedHash(USE_TAG, encodeFields('wots', bits, message))

/** A one-time key's other use: it was handed out, and whoever has it may sign anything (R34). */
export const WOTS_EXPORT_USE: Uint8Array = taggedHash(USE_TAG, encodeFields('wots-export'))
