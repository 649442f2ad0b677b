import type { Space } from '../../store/index.ts'
import type { StoreTie } from './continuity.ts'
import { JournalFile } from './journal-file.ts'
import { entryOf, isKnown } from './journal-format.ts'
import { JournalOutbox } from './journal-outbox.ts'
import { decodeRecord } from './one-time-record.ts'
import { eachPage } from './record-pages.ts'
import type { Companion } from './record-table.ts'

/** Up to where a journal was compared with its store. */
export type JournalMark = NonNullable<StoreTie['journal']>

/** The journal that a store's bindings are told to, before any answer leaves (R32). */
export class StoreJournal implements Companion {
  readonly file: JournalFile
  readonly #records: Space
  readonly #outbox: JournalOutbox

  private constructor(file: JournalFile, records: Space, outbox: JournalOutbox) {
    this.file = file
    this.#records = records
    this.#outbox = outbox
  }

  /** Begins the file if it isn't there. Nothing is told yet. Throws `S2_JOURNAL_…`. */
  static async open(path: string, publicKey: string, records: Space, outboxSpace: Space): Promise<StoreJournal> {
    const file = await JournalFile.open(path, publicKey)
    return new StoreJournal(file, records, new JournalOutbox(outboxSpace, (entries) => file.append(entries)))
  }

  get mark(): JournalMark {
    return { id: this.file.head.id, seq: this.file.seq }
  }

  begin(changed: Parameters<Companion['begin']>[0]): ReturnType<Companion['begin']> {
    return this.#outbox.begin(changed)
  }

  /** Every line was in the store before it was in the journal. An older copy of the store lacks the newest. */
  async isKnownToStore(compared: JournalMark | undefined): Promise<boolean> {
    const from = compared?.id === this.file.head.id ? compared.seq : 0
    const lines = this.file.tail.filter((line) => line.seq > from)
    const stored = await this.#records.getMany(lines.map((line) => line.key))
    return lines.every((line, i) => {
      const bytes = stored[i]
      return isKnown(line, bytes === undefined ? undefined : decodeRecord(line.key, bytes))
    })
  }

  /** Tells what a crash kept from it; nobody was answered for that. Before it is told of anything new. */
  recover(): Promise<void> {
    return this.#outbox.recover()
  }

  /** A journal that was begun anew, cut or replaced, or that did not hear all there was, hears everything that the store knows. */
  async complete(known: JournalMark | undefined): Promise<void> {
    const isWhole = known?.id === this.file.head.id && this.file.seq >= known.seq && !this.#outbox.isOwed
    if (!isWhole) await writeAll(this.#records, this.file)
    await this.#outbox.settle()
  }

  /** `soundly`: nothing failed, so the store may still be written. */
  async close(soundly: boolean): Promise<void> {
    try {
      if (soundly) await this.#outbox.close()
    } finally {
      await this.file.close()
    }
  }
}

/** All that a store knows, as lines. */
export const writeAll = (records: Space, file: JournalFile): Promise<void> =>
  eachPage(records, (page) => file.append(page.map(([key, record]) => entryOf(key, record))))
