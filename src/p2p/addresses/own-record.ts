import { type Cancel, type Clock, describeError, type Logger, type PeerIdStr } from '../../base/index.ts'
import { usableAddresses } from '../address-book.ts'
import type { AddressRecord, RecordCodec } from './record.ts'

/** Between two records that only outbid another: two nodes of one key would otherwise outbid each other without end. */
const OUTBID_MS = 10_000

export interface OwnRecordInit {
  readonly self: PeerIdStr
  readonly codec: RecordCodec
  readonly ownAddresses: () => readonly string[]
  readonly clock: Clock
  readonly logger: Logger
}

/** This node's own record, signed anew whenever its addresses change, with a sequence that never falls. */
export class OwnRecord {
  readonly #c: OwnRecordInit
  readonly #onNew: () => void
  #record: AddressRecord | undefined
  /** What the record was made of; it may hold fewer. */
  #madeOf = ''
  /** The greatest sequence ever seen of this node, by itself or by others. */
  #greatest = 0
  #isRunning = false
  #sealing = false
  #again: Cancel | undefined

  constructor(init: OwnRecordInit, onNew: () => void) {
    this.#c = init
    this.#onNew = onNew
  }

  get record(): AddressRecord | undefined {
    return this.#record
  }
  /** -1 before there is a record. */
  get seq(): number {
    return this.#record?.seq ?? -1
  }

  start(): void {
    this.#isRunning = true
    this.refresh()
  }
  stop(): void {
    this.#isRunning = false
    this.#again?.()
    this.#again = undefined
  }

  /** Signs the addresses of now, unless the record has them already. */
  refresh(): void {
    const addresses = this.#addresses()
    const isSame = addresses.join() === this.#madeOf && this.#greatest <= this.seq
    const isNothing = addresses.length === 0 && this.#record === undefined
    if (!this.#isRunning || this.#sealing || isSame || isNothing) return
    this.#sealing = true
    void this.#seal(addresses)
  }

  /** Others hold a record of this node with this sequence: what it says from now on must be newer. */
  outbid(seq: number): void {
    if (seq <= this.#greatest) return
    this.#greatest = seq
    this.#again ??= this.#c.clock.after(this.#record === undefined ? 0 : OUTBID_MS, () => {
      this.#again = undefined
      this.refresh()
    })
  }

  #addresses(): readonly string[] {
    return usableAddresses(this.#c.ownAddresses().map((a) => a.replace(new RegExp(`/p2p/${this.#c.self}$`), '')))
  }

  async #seal(addresses: readonly string[]): Promise<void> {
    // The clock makes it rise over restarts that lost the book; the rest, over a clock that went back.
    const seq = Math.max(this.#c.clock.now(), this.#greatest + 1)
    try {
      if (!Number.isSafeInteger(seq)) return
      const record = await this.#c.codec.seal(seq, addresses)
      this.#record = record
      this.#madeOf = addresses.join()
      this.#greatest = Math.max(seq, this.#greatest)
      if (this.#isRunning) this.#onNew()
    } catch (error) {
      this.#c.logger.warn("This node's addresses could not be signed; others won't learn them", {
        error: describeError(error),
      })
    } finally {
      this.#sealing = false
    }
  }
}
