import { fromUtf8, utf8 } from '../../base/index.ts'
import type { Space } from '../../store/index.ts'
import { parseBindingKey } from './binding-key.ts'
import { S2StateError } from './errors.ts'
import { entryOf, type JournalEntry } from './journal-format.ts'
import type { Announcement, Companion } from './record-table.ts'

/**
 * Sees to it that the journal holds whatever was ever answered: what it is to be told stands in the store, in the same sync as the
 * records, until it is in the journal. So the store knows all that the journal knows, and after a crash the journal hears the rest
 * before anything is answered.
 */
export class JournalOutbox implements Companion {
  readonly #space: Space
  readonly #append: (entries: readonly JournalEntry[]) => Promise<void>
  #next = 0
  /** Told, and to be taken out with the next write: that costs no sync of its own. */
  #told: string[] = []
  #isOwed = false

  constructor(space: Space, append: (entries: readonly JournalEntry[]) => Promise<void>) {
    this.#space = space
    this.#append = append
  }

  /** Records were written while there was no journal to tell: it must hear all. */
  get isOwed(): boolean {
    return this.#isOwed
  }

  /** Tells what a crash left. Throws what the store and the journal throw. */
  async recover(): Promise<void> {
    for (const [key, value] of await this.#space.entries()) {
      if (key === OWED) {
        this.#isOwed = true
        continue
      }
      await this.#append(decode(value))
      await this.#space.delete(key)
    }
  }

  begin(changed: Parameters<Companion['begin']>[0]): Announcement {
    const entries = [...changed].map(([key, record]) => entryOf(key, record))
    const key = String(this.#next++).padStart(KEY_DIGITS, '0')
    const told = this.#told.splice(0).map((old) => this.#space.delete(old))
    const written = Promise.all([this.#space.put(key, encode(entries)), ...told])
    return {
      written: written.then(() => {}),
      publish: async () => {
        await this.#append(entries)
        this.#told.push(key)
      },
    }
  }

  /** The journal has heard all, and nobody tells the one that stood in for it any more. */
  async settle(): Promise<void> {
    await this.#space.delete(OWED)
    this.#isOwed = false
  }

  /** Takes out what was told. */
  async close(): Promise<void> {
    await Promise.all(this.#told.splice(0).map((key) => this.#space.delete(key)))
  }
}

const KEY_DIGITS = 16
const OWED = 'all'

/**
 * Stands in for the journal while there is none: notes, in the same sync as the first records, that a journal which comes later has
 * not heard of them, so that it can't be taken for all that the store knows (R32).
 */
export class OwedJournal implements Companion {
  readonly #space: Space
  #noted: Promise<void> | undefined

  constructor(space: Space) {
    this.#space = space
  }

  begin(): Announcement {
    this.#noted ??= this.#space.put(OWED, new Uint8Array(0))
    return { written: this.#noted, publish: async () => {} }
  }
}

const encode = (entries: readonly JournalEntry[]): Uint8Array =>
  utf8(entries.map(({ key, use }) => `${key} ${use ?? '-'}`).join('\n'))

function decode(bytes: Uint8Array): readonly JournalEntry[] {
  return fromUtf8(bytes)
    .split('\n')
    .map((line) => {
      const [keyText = '', use] = line.split(' ')
      const key = parseBindingKey(keyText)
      if (key === undefined || use === undefined || !/^(-|[0-9a-f]{64})$/.test(use))
        throw new S2StateError(
          'S2_BINDINGS_UNREADABLE',
          'what the store keeps for the journal is malformed; restore the data folder',
        )
      return { key, use: use === '-' ? undefined : use }
    })
}
