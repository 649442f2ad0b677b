import { BoundedMap, LIMITS, type PeerIdStr } from '../base/index.ts'
import { transportOf } from './connection-info.ts'

/** A peer names its own addresses; this many are believed. */
const MAX_LEARNED = 8

/** Where peers were said to be: by the operator first, by themselves second. */
export class AddressBook {
  readonly #configured = new Map<PeerIdStr, readonly string[]>()
  readonly #learned = new BoundedMap<PeerIdStr, readonly string[]>(4 * LIMITS.maxSigners)

  configure(peer: PeerIdStr, addresses: readonly string[]): void {
    this.#configured.set(peer, addresses)
  }
  /** Takes what the peer itself says (identify); the last word counts. */
  learn(peer: PeerIdStr, addresses: readonly string[]): void {
    const usable = addresses.filter((a) => transportOf(a) !== 'other').slice(0, MAX_LEARNED)
    if (usable.length > 0) this.#learned.set(peer, usable)
  }
  forget(peer: PeerIdStr): void {
    this.#configured.delete(peer)
    this.#learned.delete(peer)
  }

  /** TCP before QUIC (performance.md: QUIC loses at bulk), configured before learned, each address once. */
  of(peer: PeerIdStr): readonly string[] {
    const all = [...(this.#configured.get(peer) ?? []), ...(this.#learned.get(peer) ?? [])]
    const bare = all.map((a) => a.replace(new RegExp(`/p2p/${peer}$`), ''))
    const isQuic = (address: string) => transportOf(address) === 'quic'
    return [...new Set([...bare.filter((a) => !isQuic(a)), ...bare.filter(isQuic)])]
  }
}
