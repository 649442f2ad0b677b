import { BoundedMap, LIMITS, type PeerIdStr } from '../base/index.ts'
import type { AddressRecord } from './addresses/record.ts'
import { transportOf } from './connection-info.ts'
import type { RelayAddress } from './types.ts'

/** Members of the largest set and of a pending one, and as many again that were replaced a moment ago. */
const MAX_PEERS = 4 * LIMITS.maxSigners
/** Order of dialling: TCP before QUIC, which loses at bulk (performance.md); a relay last, as it costs somebody else. */
const TRANSPORT_ORDER = ['tcp', 'quic', 'other', 'relay'] as const

/**
 * Where peers were said to be: by the operator first, then by the peer in a record that it signed, last by what it says
 * unsigned over a link of its own (identify).
 */
export class AddressBook {
  readonly #configured = new Map<PeerIdStr, readonly string[]>()
  readonly #proven = new BoundedMap<PeerIdStr, string>(MAX_PEERS)
  readonly #records = new BoundedMap<PeerIdStr, AddressRecord>(MAX_PEERS)
  readonly #unsigned = new BoundedMap<PeerIdStr, readonly string[]>(MAX_PEERS)
  readonly #hinted = new BoundedMap<PeerIdStr, readonly string[]>(MAX_PEERS)
  #relays: readonly RelayAddress[] = []

  configure(peer: PeerIdStr, addresses: readonly string[]): void {
    if (addresses.length > 0) this.#configured.set(peer, addresses)
    else this.#configured.delete(peer)
  }
  /** A configured address without PeerID at which this peer has answered with its key; it answers for one peer at a time. */
  prove(peer: PeerIdStr, address: string): void {
    for (const [other, at] of [...this.#proven]) if (at === address && other !== peer) this.#proven.delete(other)
    this.#proven.set(peer, address)
  }
  /** Takes a verified record if it is newer than the one that is there. True if it was taken. */
  learnRecord(record: AddressRecord): boolean {
    if (record.seq <= (this.#records.get(record.peer)?.seq ?? -1)) return false
    this.#records.set(record.peer, record)
    return true
  }
  /** Takes what the peer itself says without a signature; the last word counts. */
  learn(peer: PeerIdStr, addresses: readonly string[]): void {
    const usable = usableAddresses(addresses)
    if (usable.length > 0) this.#unsigned.set(peer, usable)
  }
  /** Our own relays: whoever waits at one of them can be reached through it, whatever he says of himself. */
  relayThrough(relays: readonly RelayAddress[]): void {
    this.#relays = relays
  }
  /** Where somebody on the local network says a peer is: unsigned, so it never replaces what the peer itself says. */
  hint(peer: PeerIdStr, addresses: readonly string[]): void {
    this.#hinted.set(peer, usableAddresses(addresses))
  }
  forget(peer: PeerIdStr): void {
    this.#configured.delete(peer)
    this.#proven.delete(peer)
    this.#records.delete(peer)
    this.#unsigned.delete(peer)
    this.#hinted.delete(peer)
  }

  recordOf(peer: PeerIdStr): AddressRecord | undefined {
    return this.#records.get(peer)
  }
  records(): readonly AddressRecord[] {
    return [...this.#records.values()]
  }

  /**
   * In order of dialling, each address once: the best of TCP, the best of QUIC, the second of each, and so on, so that
   * neither transport waits for all the dead addresses of the other.
   */
  of(peer: PeerIdStr): readonly string[] {
    const proven = this.#proven.get(peer)
    const all = [
      ...(this.#configured.get(peer) ?? []),
      ...(proven === undefined ? [] : [proven]),
      ...(this.#records.get(peer)?.addresses ?? []),
      ...(this.#unsigned.get(peer) ?? []),
      ...(this.#hinted.get(peer) ?? []),
      ...this.#relays.filter((r) => r.peerId !== peer).map((r) => `${r.address}/p2p-circuit`),
    ]
    const bare = new Set(all.map((a) => a.replace(new RegExp(`/p2p/${peer}$`), '')))
    const byTransport = Map.groupBy(bare, transportOf)
    const [tcp = [], quic = [], other = [], relayed = []] = TRANSPORT_ORDER.map((t) => byTransport.get(t))
    const rounds = Math.max(tcp.length, quic.length)
    const direct = Array.from({ length: rounds }, (_, i) => [tcp[i], quic[i]]).flat()
    return [...direct.filter((a) => a !== undefined), ...other, ...relayed]
  }
}

/** Of addresses that a peer names, the few that are believed: only transports that exist here, none of absurd length. */
export const usableAddresses = (addresses: readonly string[]): readonly string[] =>
  addresses
    .filter((a) => a.length <= LIMITS.maxAddressChars && transportOf(a) !== 'other')
    .slice(0, LIMITS.maxRecordAddresses)
