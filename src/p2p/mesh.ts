import type { Clock, Logger, Metrics, PeerIdStr } from '../base/index.ts'
import type { AddressBook } from './address-book.ts'
import { AddressExchange, type AddressExchangeInit } from './addresses/exchange.ts'
import type { Dialer } from './dialer.ts'
import { DuplicateLinks, type LinksPort } from './duplicate-links.ts'
import { Heirs } from './heirs.ts'
import { MeshKeeper } from './mesh-keeper.ts'
import { ReservationKeeper, type ReservationStore } from './nat-reservations.ts'
import { SeedKeeper } from './seed-keeper.ts'
import type { MeshPeer, RelayAddress, RoleCheck } from './types.ts'

/** What only a member of the mesh has; a client, which asks and is never asked, keeps links and nothing else. */
export interface MembershipInit
  extends Pick<AddressExchangeInit, 'codec' | 'keeper' | 'streams' | 'ownAddresses' | 'linked'> {
  readonly links: LinksPort
}

export interface MeshInit {
  readonly self: PeerIdStr
  readonly book: AddressBook
  readonly dialer: Dialer
  readonly roles: RoleCheck
  /** Where this node waits to be reached. */
  readonly relays: readonly RelayAddress[]
  readonly membership: MembershipInit | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  readonly random?: () => number
}

/**
 * To whom this node has links: each part keeps one promise, and this is where they hear of links and addresses.
 * The book knows where peers are and the dialer makes links; both are shared with the streams, so they come from outside.
 */
export class Mesh {
  readonly #c: MeshInit
  readonly #keeper: MeshKeeper
  readonly #seeds: SeedKeeper
  readonly #exchange: AddressExchange | undefined
  readonly #duplicates: DuplicateLinks | undefined
  readonly #heirs: Heirs
  #reservations: ReservationKeeper | undefined
  #wanted: readonly PeerIdStr[] = []

  constructor(init: MeshInit) {
    const { book, dialer, membership } = init
    this.#c = init
    book.relayThrough(init.relays)
    this.#heirs = new Heirs(book)
    this.#keeper = new MeshKeeper(init)
    this.#seeds = new SeedKeeper({
      ...init,
      port: dialer,
      isAnyoneMissing: () => this.#wanted.some((peer) => !dialer.isConnected(peer)),
      onOwner: (peer, address) => book.prove(peer, address),
    })
    if (membership === undefined) return
    const onLearned = (peer: PeerIdStr) => this.#keeper.addressAppeared(peer)
    this.#exchange = new AddressExchange({ ...init, ...membership, onLearned })
    this.#duplicates = new DuplicateLinks({ ...init, port: membership.links })
  }

  /** Replaces the list of peers to stay connected to, and of seeds that may lead to them. */
  keep(peers: readonly MeshPeer[], seeds: readonly string[]): void {
    for (const { peerId, addresses } of peers) this.#c.book.configure(peerId, addresses)
    this.#wanted = peers.map((p) => p.peerId).filter((p) => p !== this.#c.self)
    this.#keeper.keep(this.#wanted)
    this.#seeds.keep(seeds)
  }

  // Three steps up, in this order; `stop` undoes them all, from wherever they got to.

  /** Fills the book from disk: before the network is made. Never rejects. */
  async load(): Promise<void> {
    await this.#exchange?.load()
  }
  /** Answers questions: before the first packet. `places`: the table of this run's places at relays. */
  async serve(places: ReservationStore | undefined): Promise<void> {
    this.#reservations = places && this.#reservationsIn(places)
    await this.#exchange?.start()
  }
  /** Dials: once the network runs. */
  start(): void {
    this.#exchange?.ownChanged()
    this.#reservations?.start()
    this.#keeper.start()
    this.#seeds.start()
  }
  async stop(): Promise<void> {
    this.#keeper.stop()
    this.#reservations?.stop()
    this.#seeds.stop()
    this.#duplicates?.stop()
    await this.#exchange?.stop()
  }

  /** A link has opened. */
  opened(peer: PeerIdStr): void {
    this.#c.dialer.arrived(peer)
    this.#keeper.opened(peer)
    this.#reservations?.opened(peer)
    this.#exchange?.linkOpened(peer)
    if (this.#wanted.includes(peer)) this.#duplicates?.opened(peer)
  }
  /** One of the peer's links has closed; others may stand. */
  closed(peer: PeerIdStr): void {
    this.#keeper.closed(peer)
  }
  /** The peer itself says, over its link, where it is. */
  said(peer: PeerIdStr, addresses: readonly string[]): void {
    this.#c.book.learn(peer, addresses)
    this.#keeper.addressAppeared(peer)
  }
  /** Somebody on the local network says so: worth a dial to a member we miss, and nothing else. */
  found(peer: PeerIdStr, addresses: readonly string[]): void {
    if (!this.#c.roles.mayConnect(peer, 'outbound').ok) return
    if (this.#c.book.hint(peer, addresses)) this.#keeper.addressAppeared(peer)
  }
  /** Where this node is reached may have changed. */
  moved(): void {
    this.#exchange?.ownChanged()
  }

  /** Where others reach this node through its relays. */
  relayedAddresses(): readonly string[] {
    return this.#reservations?.addresses().map((a) => `${a}/p2p/${this.#c.self}`) ?? []
  }

  /** R7: when `of` is dropped, `heir` is to be looked for at its addresses. */
  willInherit(heir: PeerIdStr, of: PeerIdStr): void {
    this.#heirs.name(heir, of)
  }

  /** Nothing here dials the peer any more, waits for it or knows where it is. Its open links are the caller's to close. */
  drop(peer: PeerIdStr): void {
    // First the one that would dial again.
    this.#keeper.drop(peer)
    // Before the book forgets where the peer was.
    this.#heirs.bequeath(peer)
    this.#c.book.forget(peer)
    this.#exchange?.forget(peer)
    this.#duplicates?.forget(peer)
    // Dials of others, too: of streams, and of messages.
    this.#c.dialer.cancel(peer)
  }

  #reservationsIn(store: ReservationStore): ReservationKeeper {
    return new ReservationKeeper({
      ...this.#c,
      store,
      isConnected: (peer) => this.#c.dialer.isConnected(peer),
      onChange: () => this.moved(),
    })
  }
}
