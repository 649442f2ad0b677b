import type { Space } from '../../store/index.ts'
import type { JournalMark } from './continuity.ts'
import { JournalFile } from './journal-file.ts'
import { entryOf, isKnown, type JournalLine } from './journal-format.ts'
import { JournalOutbox } from './journal-outbox.ts'
import { readJournal } from './journal-read.ts'
import { decodeRecord } from './one-time-record.ts'
import { eachPage } from './record-pages.ts'
import type { Companion } from './record-table.ts'

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
    return { id: this.file.head.id, ...this.file.end }
  }

  begin(changed: Parameters<Companion['begin']>[0]): ReturnType<Companion['begin']> {
    return this.#outbox.begin(changed)
  }

  /**
   * Every line was in the store before it was in the journal; an older copy of the store lacks some of them. All that came after the last
   * comparison are looked at: the newest may tell of nothing but what the copy knows too.
   */
  async isKnownToStore(compared: JournalMark | undefined): Promise<boolean> {
    const { path, head } = this.file
    const isSame = compared?.id === head.id && (await this.file.holds(compared))
    let isAllKnown = true
    const compare = async (lines: readonly JournalLine[]) => {
      if (!isAllKnown) return
      const stored = await this.#records.getMany(lines.map((line) => line.key))
      isAllKnown = lines.every((line, i) => {
        const bytes = stored[i]
        return isKnown(line, bytes === undefined ? undefined : decodeRecord(line.key, bytes))
      })
    }
    await readJournal(path, compare, isSame ? { head, ...compared } : undefined)
    return isAllKnown
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
