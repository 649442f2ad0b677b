import { BoundedMap, LIMITS, type PeerIdStr } from '../base/index.ts'
import type { AddressBook } from './address-book.ts'

/** R7: where a key moves to its next one, the next is to be found where the first one was. */
export class Heirs {
  readonly #book: Pick<AddressBook, 'of' | 'learn'>
  /** Who comes in whose place, as far as statements said so; each is used once, when the first one goes. */
  readonly #heirs = new BoundedMap<PeerIdStr, PeerIdStr>(LIMITS.maxSigners)

  constructor(book: Pick<AddressBook, 'of' | 'learn'>) {
    this.#book = book
  }

  name(heir: PeerIdStr, of: PeerIdStr): void {
    this.#heirs.set(of, heir)
  }
  /** The peer goes: its heir gets its addresses, as long as the book has them. */
  bequeath(peer: PeerIdStr): void {
    const heir = this.#heirs.get(peer)
    if (heir === undefined) return
    this.#heirs.delete(peer)
    this.#book.learn(heir, this.#book.of(peer))
  }
}
