import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Cancel, type Clock, CodedError, describeError, type Logger, type PeerIdStr } from '../base/index.ts'
import { redialDelayMs } from './backoff.ts'
import type { RelayAddress } from './types.ts'

/** The library's own table of places at relays; not of its public types. */
export interface ReservationStore {
  hasReservation(peer: PeerId): boolean
  /** Asks the relay that we are connected to for a place, and renews it in time. Has a deadline. */
  addRelay(peer: PeerId, type: 'configured'): Promise<unknown>
  addEventListener(
    type: 'relay:removed',
    listener: (event: { readonly detail: { readonly relay: PeerId } }) => void,
  ): void
}

/**
 * The transport's store, without its list of relays that failed once: it would shut out for ever a relay that was asked
 * before its operator had set `relay_server`.
 */
export function withoutBlacklist(transport: object): ReservationStore {
  if (!('reservationStore' in transport) || typeof transport.reservationStore !== 'object')
    throw new CodedError('LIBRARY_CHANGED', 'the relay transport has no reservation store any more')
  const store = transport.reservationStore as ReservationStore
  return Object.assign(store, { relayFilter: { add: () => false, has: () => false, remove: () => false } })
}

interface Place {
  failures: number
  asking: boolean
  timer: Cancel | undefined
}

export interface ReservationKeeperInit {
  readonly relays: readonly RelayAddress[]
  readonly store: ReservationStore
  readonly isConnected: (peer: PeerIdStr) => boolean
  /** The addresses at which this node is reached have changed. */
  readonly onChange: () => void
  readonly clock: Clock
  readonly logger: Logger
  readonly random?: () => number
}

/** Holds a place at every relay that this node is connected to, for ever; the mesh keeper holds the connections. */
export class ReservationKeeper {
  readonly #init: ReservationKeeperInit
  readonly #places: ReadonlyMap<PeerIdStr, Place>
  #running = false

  constructor(init: ReservationKeeperInit) {
    this.#init = init
    this.#places = new Map(init.relays.map((r) => [r.peerId, { failures: 0, asking: false, timer: undefined }]))
    init.store.addEventListener('relay:removed', ({ detail }) => {
      const peer = detail.relay.toString() as PeerIdStr
      const place = this.#places.get(peer)
      if (place === undefined || !this.#running) return
      init.onChange()
      this.#askLater(peer, place)
    })
  }

  start(): void {
    this.#running = true
    for (const peer of this.#places.keys()) this.opened(peer)
  }
  stop(): void {
    this.#running = false
    for (const place of this.#places.values()) place.timer?.()
  }

  /** A connection to the peer has opened. */
  opened(peer: PeerIdStr): void {
    const place = this.#places.get(peer)
    if (place !== undefined) void this.#ask(peer, place)
  }

  /** Where others reach this node through its relays, as the operator named those; without this node's own PeerID. */
  addresses(): readonly string[] {
    return this.#init.relays.filter((r) => this.#holds(r.peerId)).map((r) => `${r.address}/p2p-circuit`)
  }

  #holds(peer: PeerIdStr): boolean {
    return this.#init.store.hasReservation(peerIdFromString(peer))
  }

  async #ask(peer: PeerIdStr, place: Place): Promise<void> {
    const { store, isConnected, onChange, logger } = this.#init
    place.timer?.()
    place.timer = undefined
    if (!this.#running || place.asking || this.#holds(peer) || !isConnected(peer)) return
    place.asking = true
    try {
      await store.addRelay(peerIdFromString(peer), 'configured')
      place.failures = 0
      logger.info('Waiting at a relay to be reached', { relay: peer })
      onChange()
    } catch (error) {
      place.failures++
      logger.debug('A relay gave no place', { relay: peer, failures: place.failures, error: describeError(error) })
    } finally {
      place.asking = false
    }
    // Also after success: what was lost meanwhile found this request under way.
    if (!this.#holds(peer)) this.#askLater(peer, place)
  }

  #askLater(peer: PeerIdStr, place: Place): void {
    if (!this.#running || place.asking) return
    place.timer?.()
    const delayMs = redialDelayMs(Math.max(1, place.failures), this.#init.random ?? Math.random)
    place.timer = this.#init.clock.after(delayMs, () => void this.#ask(peer, place))
  }
}
