import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { PeerIdStr } from '../../src/base/index.ts'

const known = new Map<PeerIdStr, PeerId>()

/** libp2p's form of a PeerID; making one costs a square root on the curve, so the few of a simulation are kept. */
export function peerIdOf(peer: PeerIdStr): PeerId {
  const id = known.get(peer) ?? peerIdFromString(peer)
  known.set(peer, id)
  return id
}
