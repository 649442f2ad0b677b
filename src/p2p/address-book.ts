import { BoundedMap, LIMITS, type PeerIdStr } from '../base/index.ts'
import type { AddressRecord } from './addresses/record.ts'
import { transportOf } from './connection-info.ts'
import { nameIn } from './resolve.ts'
import type { RelayAddress } from './types.ts'

/** Members of the largest set and of a pending one, and as many again that were replaced a moment ago. */
const MAX_PEERS = 4 * LIMITS.maxSigners
/** Order of dialling: TCP before QUIC, which loses at bulk; a relay last, as it costs somebody else. */
const TRANSPORT_ORDER = ['tcp', 'quic', 'other', 'relay'] as const

/**
 * Unsigned hints about one peer: two interfaces, two transports, and as many again that were left or made up. A stranger on
 * the local network may fill them, but an address that is told again and again is tried in its turn.
 */
const MAX_HINTS = 16
/** Names in one list of a peer: one that IPv4 and one that IPv6 leads to, for instance. */
const MAX_NAMES = 2
/**
 * Before all the rest of a peer's own addresses, so that within the first attempts of a dial (`maxParallelDialsPerPeer`) every
 * kind is tried, however many of another kind hang.
 */
const HEAD = { own: LIMITS.maxParallelDialsPerPeer - 3, hinted: 2, relayed: 1 } as const

/**
 * Where peers were said to be: by the operator first, then by the peer in a record that it signed, last by what it says
 * unsigned over a link of its own (identify).
 */
export class AddressBook {
  readonly #configured = new Map<PeerIdStr, readonly string[]>()
  readonly #proven = new BoundedMap<PeerIdStr, string>(MAX_PEERS)
  readonly #records = new BoundedMap<PeerIdStr, AddressRecord>(MAX_PEERS)
  readonly #unsigned = new BoundedMap<PeerIdStr, readonly string[]>(MAX_PEERS)
  readonly #hinted = new BoundedMap<PeerIdStr, BoundedMap<string, true>>(MAX_PEERS)
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
  /** Where somebody on the local network says a peer is: unsigned, so it never replaces what the peer itself says. True if it is news. */
  hint(peer: PeerIdStr, addresses: readonly string[]): boolean {
    const known = this.#hinted.getOrMake(peer, () => new BoundedMap(MAX_HINTS))
    // One that is repeated keeps its place: who shouts loudest shall not push the others out.
    const fresh = usableAddresses(addresses).filter((a) => known.get(a) === undefined)
    for (const address of fresh) known.set(address, true)
    return fresh.length > 0
  }
  /** Addresses for a dial, as `of`; the hints that come early in this one come last in the next. */
  toDial(peer: PeerIdStr): readonly string[] {
    const addresses = this.of(peer)
    const known = this.#hinted.get(peer)
    for (const [address] of [...(known ?? [])].slice(0, HEAD.hinted)) known?.set(address, true)
    return addresses
  }
  forget(peer: PeerIdStr): void {
    this.#configured.delete(peer)
    this.#proven.delete(peer)
    this.#records.delete(peer)
    this.#unsigned.delete(peer)
    this.#hinted.delete(peer)
  }

  /** Did the operator name this name, as an address of the peer or of a relay of ours? */
  isConfiguredName(peer: PeerIdStr, name: string): boolean {
    const proven = this.#proven.get(peer)
    const own = [...(this.#configured.get(peer) ?? []), ...(proven === undefined ? [] : [proven])]
    return [...own, ...this.#relays.map((r) => r.address)].some((a) => nameIn(a) === name)
  }

  recordOf(peer: PeerIdStr): AddressRecord | undefined {
    return this.#records.get(peer)
  }
  records(): readonly AddressRecord[] {
    return [...this.#records.values()]
  }

  /**
   * In order of dialling, each address once: the best of TCP, the best of QUIC, the second of each, and so on, so that
   * neither transport waits for all the dead addresses of the other. Then hints, then a way through a relay; one of each
   * kind before the long tail of any.
   */
  of(peer: PeerIdStr): readonly string[] {
    const proven = this.#proven.get(peer)
    const all = [
      ...(this.#configured.get(peer) ?? []),
      ...(proven === undefined ? [] : [proven]),
      ...(this.#records.get(peer)?.addresses ?? []),
      ...(this.#unsigned.get(peer) ?? []),
      ...this.#relays.filter((r) => r.peerId !== peer).map((r) => `${r.address}/p2p-circuit`),
    ]
    const withoutId = (a: string) => a.replace(new RegExp(`/p2p/${peer}$`), '')
    const bare = new Set(all.map(withoutId))
    const hints = [...(this.#hinted.get(peer) ?? [])].map(([a]) => withoutId(a))
    const hinted = [...new Set(hints)].filter((a) => !bare.has(a))
    const byTransport = Map.groupBy(bare, transportOf)
    const [tcp = [], quic = [], other = [], relayed = []] = TRANSPORT_ORDER.map((t) => byTransport.get(t))
    const rounds = Math.max(tcp.length, quic.length)
    const direct = Array.from({ length: rounds }, (_, i) => [tcp[i], quic[i]]).flat()
    const own = [...direct.filter((a) => a !== undefined), ...other]
    return heads([own, HEAD.own], [hinted, HEAD.hinted], [relayed, HEAD.relayed])
  }
}

/** The first few of every list, then the rest of every list. */
const heads = (...lists: readonly (readonly [readonly string[], number])[]): readonly string[] => [
  ...lists.flatMap(([all, head]) => all.slice(0, head)),
  ...lists.flatMap(([all, head]) => all.slice(head)),
]

/**
 * Of addresses that a peer names, the few that are believed: only transports that exist here, none of absurd length, and of
 * few names, because each is asked for at a server that may be the peer's own. One name serves both transports.
 */
export function usableAddresses(addresses: readonly string[]): readonly string[] {
  const names = new Set<string>()
  const isOfFewNames = (address: string) => {
    const name = nameIn(address)
    if (name === undefined || names.has(name)) return true
    return names.size < MAX_NAMES && names.add(name).size > 0
  }
  return addresses
    .filter((a) => a.length <= LIMITS.maxAddressChars && transportOf(a) !== 'other' && isOfFewNames(a))
    .slice(0, LIMITS.maxRecordAddresses)
}
