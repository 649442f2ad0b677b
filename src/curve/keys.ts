import { base58 } from '@scure/base'
import { concatBytes, fromHex, isHex, type PeerIdStr, type PublicKey, toHex } from '../base/index.ts'
import { curve } from './chosen.ts'

/** identity multihash (0x00), 37 bytes, then the libp2p protobuf {1: Secp256k1 (2), 2: 33 bytes}: libp2p's name of so short a key. */
const PEER_ID_PREFIX = Uint8Array.of(0x00, 0x25, 0x08, 0x02, 0x12, 0x21)

/** A validated public key, from 33 bytes or 66 hex digits in lower case. Throws TypeError. */
export function parsePublicKey(input: Uint8Array | string): PublicKey {
  if (typeof input === 'string' && !isHex(input, 33))
    throw new TypeError('public key: expected 66 lower-case hex digits')
  const bytes = typeof input === 'string' ? fromHex(input) : input
  if (!curve.isPoint(bytes)) throw new TypeError('public key: not a compressed point of secp256k1')
  return toHex(bytes) as PublicKey
}

export const publicKeyBytes = (key: PublicKey): Uint8Array => fromHex(key)

/** The PeerID of a key. It is always derived, never configured, for signers. */
export function peerIdOfKey(key: PublicKey): PeerIdStr {
  return base58.encode(concatBytes(PEER_ID_PREFIX, publicKeyBytes(key))) as PeerIdStr
}

/** The key inside a PeerID; undefined if the PeerID is not of a secp256k1 key. */
export function keyOfPeerId(peerId: string): PublicKey | undefined {
  // 39 bytes are at most 54 digits: longer text is not decoded at all.
  if (peerId.length > 60) return undefined
  try {
    const bytes = base58.decode(peerId)
    if (bytes.length !== 39 || PEER_ID_PREFIX.some((b, i) => bytes[i] !== b)) return undefined
    return parsePublicKey(bytes.subarray(6))
  } catch {
    return undefined
  }
}

/** A validated PeerID of a secp256k1 key. Throws TypeError. */
export function parsePeerId(text: string): PeerIdStr {
  if (keyOfPeerId(text) === undefined) throw new TypeError('PeerID: expected one of a secp256k1 key (16Uiu2HA…)')
  return text as PeerIdStr
}

/** The x coordinate, 32 bytes. */
export const xOnly = (point: Uint8Array): Uint8Array => point.subarray(1, 33)
/** The point of even Y with this x coordinate, 33 bytes. */
export const liftEven = (x: Uint8Array): Uint8Array => concatBytes(Uint8Array.of(0x02), x)
