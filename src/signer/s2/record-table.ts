import type { Space } from '../../store/index.ts'
import type { BindingKey } from './binding-key.ts'
import type { FatalLatch } from './fatal-latch.ts'
import { decodeRecord, encodeRecord, type OneTimeRecord } from './one-time-record.ts'

/** Records that nobody is using but that stay in memory, under 1 KiB each: a whole deposit of 1,005 nonces is asked for again as its partials. */
const MAX_IDLE_RECORDS = 8_192

/** The records of one request while they are decided over, in one synchronous step. */
export interface RecordView {
  get(key: BindingKey): OneTimeRecord | undefined
  set(key: BindingKey, record: OneTimeRecord): void
}

/** What is told of every change, and holds back the answer until it has done its part. */
export interface Companion {
  /** Called in the tick of the records' own writes, so that its own stand in the same sync. */
  begin(changed: ReadonlyMap<BindingKey, OneTimeRecord>): Announcement
}
export interface Announcement {
  readonly written: Promise<void>
  /** Called when `written` and the records are on disk. */
  publish(): Promise<void>
}

export interface RecordTableInit {
  readonly space: Space
  readonly latch: FatalLatch
  readonly companion?: Companion
  readonly maxIdle?: number
}

interface Entry {
  /** Undefined once the disk was read. */
  loading: Promise<void> | undefined
  record: OneTimeRecord | undefined
  /** The last write that matters. */
  saved: Promise<void>
  /** Requests and writes that hold it. */
  users: number
}

/** A read that begins at the next turn. */
interface Reading {
  readonly wanted: [BindingKey, Entry][]
  readonly done: Promise<void>
}

const SAVED = Promise.resolve()

/**
 * One-time records: the disk is the truth, memory holds those in use and some more. A record in use is never dropped from memory, so
 * there is one entry per key at any time, and what one request reserves every other one sees (R30).
 */
export class RecordTable {
  readonly #init: RecordTableInit
  readonly #entries = new Map<BindingKey, Entry>()
  readonly #saving = new Set<Promise<void>>()
  #reading: Reading | undefined

  constructor(init: RecordTableInit) {
    this.#init = init
  }

  /**
   * Reads the records of `keys`, has `decide` look at them and change them in one synchronous step, then runs `answer` while they
   * are written. Resolves with the answer when all records of `keys` are on disk, also those that somebody else just changed.
   * Throws `S2_BINDINGS_FAILED`, and what the two throw; what `decide` had changed is then written all the same. A `companion` of
   * null keeps the table's own from hearing of it.
   */
  async use<T, A>(
    keys: readonly BindingKey[],
    decide: (records: RecordView) => T,
    answer: (decided: T) => Promise<A> | A,
    companion: Companion | null | undefined = this.#init.companion,
  ): Promise<A> {
    this.#init.latch.assertSound()
    const entries = this.#pin(keys)
    try {
      await Promise.all(new Set([...entries.values()].map((entry) => entry.loading)))
      this.#init.latch.assertSound()
      const decided = this.#decide(entries, decide, companion ?? undefined)
      const result = await answer(decided)
      await Promise.all(new Set([...entries.values()].map((entry) => entry.saved)))
      this.#init.latch.assertSound()
      return result
    } finally {
      this.#release(entries.values())
    }
  }

  /** Resolves when nothing is being written any more, failed or not. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#saving)
  }

  /** Forgets idle records, so that the disk is asked again. */
  forgetIdle(): void {
    for (const [key, entry] of this.#entries) if (entry.users === 0) this.#entries.delete(key)
  }

  isInUse(key: BindingKey): boolean {
    return (this.#entries.get(key)?.users ?? 0) > 0
  }

  /** Of records in memory. */
  get size(): number {
    return this.#entries.size
  }

  #pin(keys: readonly BindingKey[]): ReadonlyMap<BindingKey, Entry> {
    const pinned = new Map<BindingKey, Entry>()
    const unknown: Entry[] = []
    const unknownKeys: BindingKey[] = []
    for (const key of keys) {
      if (pinned.has(key)) continue
      let entry = this.#entries.get(key)
      if (entry === undefined) {
        entry = { loading: undefined, record: undefined, saved: SAVED, users: 0 }
        unknown.push(entry)
        unknownKeys.push(key)
      }
      // The youngest stand last.
      this.#entries.delete(key)
      this.#entries.set(key, entry)
      entry.users++
      pinned.set(key, entry)
    }
    if (unknown.length > 0) this.#load(unknownKeys, unknown)
    return pinned
  }

  #load(keys: readonly BindingKey[], entries: readonly Entry[]): void {
    this.#reading ??= this.#readNext()
    const { wanted, done } = this.#reading
    for (const [i, entry] of entries.entries()) {
      const key = keys[i]
      if (key !== undefined) wanted.push([key, entry])
      entry.loading = done
    }
  }

  /** A read costs as much for one record as for many: what is asked for in one turn is read together. */
  #readNext(): Reading {
    const wanted: [BindingKey, Entry][] = []
    const done = this.#init.latch.critical(async () => {
      await new Promise<void>((resolve) => setImmediate(resolve))
      this.#reading = undefined
      const stored = await this.#init.space.getMany(wanted.map(([key]) => key))
      for (const [i, [key, entry]] of wanted.entries()) {
        const bytes = stored[i]
        if (bytes !== undefined) entry.record = decodeRecord(key, bytes)
        entry.loading = undefined
      }
    })
    // Told to those who wait for it.
    done.catch(() => {})
    return { wanted, done }
  }

  /** Nothing is awaited between the look and the reservation, nor between that and the start of its write. */
  #decide<T>(
    entries: ReadonlyMap<BindingKey, Entry>,
    decide: (records: RecordView) => T,
    companion: Companion | undefined,
  ): T {
    const changed = new Map<BindingKey, OneTimeRecord>()
    const entryOf = (key: BindingKey): Entry => {
      const entry = entries.get(key)
      if (entry === undefined) throw new TypeError('a record was asked for that this request did not name')
      return entry
    }
    const view: RecordView = {
      get: (key) => entryOf(key).record,
      set: (key, record) => {
        entryOf(key).record = record
        changed.set(key, record)
      },
    }
    try {
      return decide(view)
    } finally {
      if (changed.size > 0) this.#save(changed, [...changed.keys()].map(entryOf), companion)
    }
  }

  #save(
    changed: ReadonlyMap<BindingKey, OneTimeRecord>,
    entries: readonly Entry[],
    companion: Companion | undefined,
  ): void {
    const { space, latch } = this.#init
    const saved = latch.critical(async () => {
      const writes = [...changed].map(([key, record]) => space.put(key, encodeRecord(record)))
      const announcement = companion?.begin(changed)
      await Promise.all([...writes, announcement?.written])
      await announcement?.publish()
    })
    for (const entry of entries) {
      entry.saved = saved
      // Also if nobody waits any more: read again before it is written, a record would not be there.
      entry.users++
    }
    const release = () => {
      this.#saving.delete(saved)
      this.#release(entries)
    }
    this.#saving.add(saved)
    // A failure is told to those who wait for it, and to the latch.
    saved.then(release, release)
  }

  #release(entries: Iterable<Entry>): void {
    for (const entry of entries) entry.users--
    const max = this.#init.maxIdle ?? MAX_IDLE_RECORDS
    for (const [key, entry] of this.#entries) {
      if (this.#entries.size <= max) return
      if (entry.users === 0) this.#entries.delete(key)
    }
  }
}
