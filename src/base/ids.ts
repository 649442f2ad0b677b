import { isHex } from './bytes.ts'

declare const brand: unique symbol
export type Brand<T, B extends string> = T & { readonly [brand]: B }

/** secp256k1 public key, 33-byte compressed, as 66 lower-case hex digits. Made by `parsePublicKey` of the curve room. */
export type PublicKey = Brand<string, 'PublicKey'>
/** base58btc PeerID of a secp256k1 key (`16Uiu2HA…`). */
export type PeerIdStr = Brand<string, 'PeerId'>
/** x-only group key (R2), 64 lower-case hex digits. */
export type GroupKey = Brand<string, 'GroupKey'>
/** Name of a signer set (docs/RULES.md), 64 lower-case hex digits. */
export type SetHash = Brand<string, 'SetHash'>
/** Name of a pending set (R7), 64 lower-case hex digits. */
export type PendingId = Brand<string, 'PendingId'>
/** SHA-256 of a certified keygen transcript (R20), 64 lower-case hex digits. */
export type TranscriptHash = Brand<string, 'TranscriptHash'>

function hex32<B extends string>(what: string) {
  return (text: string): Brand<string, B> => {
    if (!isHex(text, 32)) throw new TypeError(`${what}: expected 64 lower-case hex digits`)
    return text as Brand<string, B>
  }
}
export const asGroupKey = hex32<'GroupKey'>('group key')
export const asSetHash = hex32<'SetHash'>('set hash')
export const asPendingId = hex32<'PendingId'>('pending id')
export const asTranscriptHash = hex32<'TranscriptHash'>('transcript hash')
