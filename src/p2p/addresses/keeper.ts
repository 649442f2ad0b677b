import { type Cancel, type Clock, describeError, LIMITS, type Logger, type PeerIdStr } from '../../base/index.ts'
import type { AddressBook } from '../address-book.ts'
import type { RoleCheck } from '../types.ts'
import { decodeFile, encodeFile } from './frame.ts'
import type { RecordCodec } from './record.ts'

/** Port (implemented by `store`): where the address book survives a restart. */
export interface AddressKeeper {
  load(): Promise<Uint8Array | undefined>
  /** Whole or not at all. */
  save(bytes: Uint8Array): Promise<void>
}

/** Addresses come in bursts, at a start or after a partition; a crash in between loses nothing that isn't told again. */
const SAVE_DELAY_MS = 2_000
/** A file that names more peers than any set and pending set was not written by this node. */
const MAX_RECORDS = 4 * LIMITS.maxSigners

export interface StoredBookInit {
  readonly self: PeerIdStr
  readonly keeper: AddressKeeper | undefined
  readonly book: AddressBook
  readonly codec: RecordCodec
  readonly roles: Pick<RoleCheck, 'mayConnect'>
  /** This node's own record, if it has one yet. */
  readonly own: () => Uint8Array | undefined
  readonly clock: Clock
  readonly logger: Logger
}

/** The records of the book on disk, and this node's own with them: its sequence must rise over restarts. */
export class StoredBook {
  readonly #c: StoredBookInit
  #timer: Cancel | undefined

  constructor(init: StoredBookInit) {
    this.#c = init
  }

  /**
   * Fills the book, and returns the sequence of this node's own record (0 if there is none). Nothing on disk is believed
   * without its signature. A file that can't be read is an empty book: others will tell.
   */
  async load(): Promise<number> {
    const { keeper, book, codec, self, logger } = this.#c
    let ownSeq = 0
    try {
      const bytes = await keeper?.load()
      if (bytes === undefined) return ownSeq
      const records = decodeFile(bytes)
      if (records === undefined || records.length > MAX_RECORDS) {
        logger.warn('The stored address book is damaged; starting with an empty one', { bytes: bytes.length })
        return ownSeq
      }
      let refused = 0
      for (const wire of records) {
        const decoded = codec.decode(wire)
        if (!decoded.ok || !(await decoded.value.verify())) refused++
        else if (decoded.value.peer === self) ownSeq = Math.max(ownSeq, decoded.value.seq)
        else book.learnRecord(decoded.value)
      }
      if (refused > 0) logger.warn('Records of the stored address book were refused', { refused })
    } catch (error) {
      logger.warn('The stored address book could not be read', { error: describeError(error) })
    }
    return ownSeq
  }

  /** Something changed; it is written soon, together with what changes meanwhile. */
  changed(): void {
    if (this.#c.keeper === undefined || this.#timer !== undefined) return
    this.#timer = this.#c.clock.after(SAVE_DELAY_MS, () => {
      void this.flush()
    })
  }

  /** Writes now. Never rejects: a book that can't be kept is a warning, not the end of the mesh. */
  async flush(): Promise<void> {
    const { keeper, book, logger } = this.#c
    this.#timer?.()
    this.#timer = undefined
    const own = this.#c.own()
    const records = book.records().filter((r) => this.#isWorthKeeping(r.peer))
    try {
      await keeper?.save(encodeFile([...(own === undefined ? [] : [own]), ...records.map((r) => r.wire)]))
    } catch (error) {
      logger.warn('The address book could not be written', { error: describeError(error) })
    }
  }

  /**
   * Whom the gate admits now; and while it admits nobody yet, or for a while (no snapshot, a stale registry), whom it may
   * admit again: an outage of the registry must not cost the addresses (incident 1).
   */
  #isWorthKeeping(peer: PeerIdStr): boolean {
    const answer = this.#c.roles.mayConnect(peer, 'outbound')
    return answer.ok || answer.reason === 'not_ready' || answer.reason === 'registry_stale'
  }
}
