import type { Ask, CallOptions } from '../ask.ts'
import type { PublicKeyBytes, Signature } from './schnorr.ts'

/** Where a one-time key stands. */
export interface WotsPlace extends CallOptions {
  /** 32 bytes, in internal byte order. */
  readonly txid: Uint8Array
  readonly vout: number
  readonly index: number
}
/** 16 bytes for 128 bits, 32 for 256: the one message that the key ever signs. */
export interface WotsMessage extends WotsPlace {
  readonly message: Uint8Array
}
/** The keys of `firstIndex`, `firstIndex + 1`, … of them `count`. */
export interface WotsRange extends CallOptions {
  readonly txid: Uint8Array
  readonly vout: number
  readonly firstIndex: number
  readonly count: number
}
export interface SecretKeyBytes {
  readonly secretKey: Uint8Array
}

/** Winternitz keys. Whichever comes first, a message or the export, is all that a key is ever used for. */
export interface WotsFace {
  /** 720 bytes. */
  get128PublicKey(request: WotsPlace): Promise<PublicKeyBytes>
  /** 1360 bytes. */
  get256PublicKey(request: WotsPlace): Promise<PublicKeyBytes>
  /** 720 bytes. Needs the right to export. */
  get128SecretKey(request: WotsPlace): Promise<SecretKeyBytes>
  /** 1360 bytes. Needs the right to export. */
  get256SecretKey(request: WotsPlace): Promise<SecretKeyBytes>
  /** 756 bytes. */
  get128Signature(request: WotsMessage): Promise<Signature>
  /** 1428 bytes. */
  get256Signature(request: WotsMessage): Promise<Signature>
  get128PublicKeyBatch(request: WotsRange): Promise<{ readonly publicKeys: readonly Uint8Array[] }>
  get256PublicKeyBatch(request: WotsRange): Promise<{ readonly publicKeys: readonly Uint8Array[] }>
}

const placeOf = ({ txid, vout, index }: WotsPlace) => ({ txid, vout, index })
const rangeOf = ({ txid, vout, firstIndex, count }: WotsRange) => ({ txid, vout, firstIndex, count })

export function wotsFace(ask: Ask): WotsFace {
  const publicKey = (bits: 128 | 256) => async (r: WotsPlace) => {
    const { publicKey } = await ask(`wots.get_${bits}_public_key`, placeOf(r), r)
    return { publicKey }
  }
  const secretKey = (bits: 128 | 256) => async (r: WotsPlace) => {
    const { secretKey } = await ask(`wots.get_${bits}_secret_key`, placeOf(r), r)
    return { secretKey }
  }
  const signature = (bits: 128 | 256) => async (r: WotsMessage) => {
    const { signature } = await ask(`wots.get_${bits}_signature`, { ...placeOf(r), message: r.message }, r)
    return { signature }
  }
  const publicKeys = (bits: 128 | 256) => async (r: WotsRange) => {
    const { publicKeys } = await ask(`wots.get_${bits}_public_key_batch`, rangeOf(r), r)
    return { publicKeys }
  }
  return {
    get128PublicKey: publicKey(128),
    get256PublicKey: publicKey(256),
    get128SecretKey: secretKey(128),
    get256SecretKey: secretKey(256),
    get128Signature: signature(128),
    get256Signature: signature(256),
    get128PublicKeyBatch: publicKeys(128),
    get256PublicKeyBatch: publicKeys(256),
  }
}
