import type { PeerIdStr, PublicKey } from '../base/index.ts'
import { peerIdOfKey } from '../curve/index.ts'

/** Of each list of keys, once: a decision is made for every message, and base58 would cost it ten times its time. */
const peersOfLists = new WeakMap<readonly PublicKey[], ReadonlySet<PeerIdStr>>()

function peersOf(keys: readonly PublicKey[]): ReadonlySet<PeerIdStr> {
  const known = peersOfLists.get(keys)
  if (known !== undefined) return known
  const peers = new Set(keys.map(peerIdOfKey))
  peersOfLists.set(keys, peers)
  return peers
}

/** Is this the PeerID of one of the keys? */
export const hasPeer = (keys: readonly PublicKey[] | undefined, peer: PeerIdStr): boolean =>
  keys !== undefined && peersOf(keys).has(peer)

/** The form of all PeerIDs of compressed secp256k1 keys; only chooses the word for a refusal. */
export const isSignerPeerId = (peer: PeerIdStr): boolean => /^16Uiu2HA[1-9A-HJ-NP-Za-km-z]{45}$/.test(peer)
