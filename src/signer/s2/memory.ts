import { describeError, fromHex, type Logger, toHex } from '../../base/index.ts'
import { randomBytes } from '../../curve/index.ts'
import type { Space } from '../../store/index.ts'
import type { BindingKey } from './binding-key.ts'
import {
  advanced,
  type Continuity,
  decodeTie,
  encodeTie,
  judgeContinuity,
  type Lost,
  lost,
  type StoreTie,
} from './continuity.ts'
import { S2StateError } from './errors.ts'
import { FatalLatch } from './fatal-latch.ts'
import { newToken, type ReadToken, readInstanceFile, tokenHash, writeInstanceFile } from './instance-token.ts'
import { JournalFile } from './journal-file.ts'
import { entryOf, isKnown, type JournalLine } from './journal-format.ts'
import { merge } from './journal-merge.ts'
import { JournalOutbox } from './journal-outbox.ts'
import { readJournal } from './journal-read.ts'
import { decodeRecord, RUN_BYTES } from './one-time-record.ts'
import type { Situation } from './one-time-rules.ts'
import { RecordTable } from './record-table.ts'
import type { NonceMode } from './types.ts'

export interface S2MemoryInit {
  /** Of one store: what is written to several spaces in one tick must be one write. */
  readonly space: (name: string) => Space
  /** Outside the data folder, and in no backup (R32). */
  readonly instanceFile: string
  readonly journalFile: string | undefined
  readonly logger: Logger
  /** Called once, at the first failed read or write: the process must stop (R30). */
  readonly onFatal: (error: S2StateError) => void
  /** Records kept in memory though nobody uses them. */
  readonly maxIdle?: number
}

export interface S2MemoryStatus {
  readonly continuity: Continuity
  /** Counts retirements of MuSig2 records. */
  readonly generation: number
  readonly journal:
    | { readonly path: string; readonly lines: number; readonly bytes: number; readonly head: string }
    | undefined
}

export interface ImportReport {
  readonly lines: number
  /** Uses that this store did not know. */
  readonly added: number
  /** One-time secrets that two stores used differently; nothing is signed with them any more. */
  readonly conflicts: number
  /** Bytes at the end that a crash left. */
  readonly tornBytes: number
}

const RECORDS = 's2-bindings'
const OUTBOX = 's2-outbox'
const CONTINUITY = 's2-continuity'
/** Records read at once where all of them are. */
const PAGE = 1_000

/**
 * What the secret service remembers of its seed's one-time secrets, and whether it can prove that it remembers all (R30, R32, R34).
 * Everything that waits for the operator is here too: import, accept, retire.
 */
export class S2Memory {
  readonly table: RecordTable
  readonly latch: FatalLatch
  readonly #init: S2MemoryInit
  readonly #records: Space
  readonly #run = Uint8Array.from(randomBytes(RUN_BYTES))
  #publicKey = ''
  #tie: StoreTie | undefined
  #token: ReadToken = 'absent'
  #continuity: Continuity = { standing: 'lost', why: 'no_instance_file', name: '' }
  #journal: JournalFile | undefined
  #outbox: JournalOutbox | undefined
  /** Operator's commands come one after the other. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(init: S2MemoryInit) {
    this.#init = init
    this.latch = new FatalLatch(init.logger, init.onFatal)
    this.#records = init.space(RECORDS)
    this.table = new RecordTable({
      space: this.#records,
      latch: this.latch,
      companion: { begin: (changed) => this.#outbox?.begin(changed) ?? NO_JOURNAL },
      ...(init.maxIdle === undefined ? {} : { maxIdle: init.maxIdle }),
    })
  }

  /**
   * `publicKey` names the seed: its MuSig2 key, x-only. Nothing may be answered before this resolves.
   * Throws `S2_BINDINGS_UNREADABLE`, `S2_JOURNAL_…`, and what a failed read or write throws.
   */
  async start(publicKey: Uint8Array): Promise<void> {
    this.#publicKey = toHex(publicKey)
    const stored = await this.#space(CONTINUITY).get(this.#publicKey)
    this.#tie = stored === undefined ? undefined : decodeTie(stored)
    this.#token = await readInstanceFile(this.#init.instanceFile)
    this.#continuity = judgeContinuity(this.#token, this.#tie, this.#publicKey)
    await this.#openJournal()
    if (this.#continuity.standing === 'lost') return this.#tellLost(this.#continuity)
    await this.#advance()
    await this.#completeJournal()
  }

  /** Finishes nothing: whoever uses the table must have stopped. */
  async stop(): Promise<void> {
    await this.#last
    try {
      if (!this.latch.failed) {
        await this.#outbox?.close()
        // An orderly stop is a step of its own: a copy that was made while the node ran is then older.
        if (this.#continuity.standing === 'proven') await this.#advance()
      }
    } finally {
      await this.#journal?.close()
      this.#journal = undefined
      this.#outbox = undefined
      this.table.forgetIdle()
    }
  }

  situation(nonceMode: NonceMode): Situation {
    return { standing: this.#continuity.standing, nonceMode, generation: this.#tie?.generation ?? 0, run: this.#run }
  }

  status(): S2MemoryStatus {
    const journal = this.#journal
    return {
      continuity: this.#continuity,
      generation: this.#tie?.generation ?? 0,
      journal:
        journal === undefined
          ? undefined
          : { path: journal.path, lines: journal.seq, bytes: journal.bytes, head: journal.check },
    }
  }

  /**
   * The operator takes the blame: this store is all there is to remember (R32). `name` is the one that the status shows. Durable when
   * it resolves. Throws `S2_ACCEPT_OTHER`.
   */
  accept(name: string): Promise<void> {
    return this.#inTurn(async () => {
      const now = this.#continuity
      if (now.standing === 'proven' || now.name !== name)
        throw new S2StateError(
          'S2_ACCEPT_OTHER',
          now.standing === 'proven'
            ? 'this store proves that it remembers; there is nothing to accept'
            : `what is to be accepted here is named ${now.name}, not ${name}; read docs/S2.md before you accept it`,
        )
      await this.#establish()
    })
  }

  /**
   * Takes in what another store was used for, and only to refuse (R32). The whole file is checked before anything is taken from it, and the same file
   * may be brought again. A store that was lost is not any more then. Throws `S2_JOURNAL_…`.
   */
  importJournal(path: string): Promise<ImportReport> {
    return this.#inTurn(async () => {
      const whole = await readJournal(path)
      if (whole.head.publicKey !== this.#publicKey)
        throw new S2StateError(
          'S2_JOURNAL_FOREIGN',
          `${path} is the journal of the seed with the key ${whole.head.publicKey}, and this one's is ${this.#publicKey}`,
          { path },
        )
      const counted = { added: 0, conflicts: 0 }
      await readJournal(path, async (lines) => this.#take(lines, counted, whole.head.id))
      if (this.#continuity.standing === 'lost') await this.#establish()
      return { lines: whole.seq, ...counted, tornBytes: whole.tornBytes }
    })
  }

  /** Writes all that this store knows into a new journal file, for another store to import. Resolves with its lines. */
  exportJournal(path: string): Promise<number> {
    return this.#inTurn(async () => {
      const file = await JournalFile.open(path, this.#publicKey)
      try {
        if (file.seq > 0)
          throw new S2StateError(
            'S2_JOURNAL_FOREIGN',
            `${path} holds a journal already; name a file that is not there`,
            {
              path,
            },
          )
        await this.#writeAll(file)
        return file.seq
      } finally {
        await file.close()
      }
    })
  }

  /**
   * Closes the generation of MuSig2 records that is being written, and drops the one that was closed before. A nonce whose random bytes are
   * gone can never be made again, so dropping its record allows no second use (R34); records of nonces that could be made again, and those
   * of one-time keys, always stay. Throws `S2_RETIRE_REFUSED`.
   */
  retireGeneration(nonceMode: NonceMode): Promise<{ readonly generation: number; readonly dropped: number }> {
    return this.#inTurn(async () => {
      this.#requireRetirable(nonceMode)
      const closed = this.#tie?.generation ?? 0
      await this.#putTie({ ...this.#requireTie(), generation: closed + 1 })
      let dropped = 0
      await this.#eachPage(async (page) => {
        const old = page.filter(([key, bytes]) => {
          const record = decodeRecord(key, bytes)
          const isMadeOnce = record.kind === 'nonce' && record.origin === 'native'
          return isMadeOnce && record.generation < closed && !this.table.isInUse(key)
        })
        await this.latch.critical(() => Promise.all(old.map(([key]) => this.#records.delete(key))))
        dropped += old.length
      })
      this.table.forgetIdle()
      // Lines of what was dropped are no sign of an older copy.
      await this.#noteJournal()
      return { generation: closed + 1, dropped }
    })
  }

  #requireRetirable(nonceMode: NonceMode): void {
    if (nonceMode === 'reference')
      throw new S2StateError(
        'S2_RETIRE_REFUSED',
        'nonces of reference mode can be made again at any time, so what they signed is never forgotten',
      )
    if (this.#continuity.standing === 'lost')
      throw new S2StateError(
        'S2_RETIRE_REFUSED',
        'this store can not prove what it was used for; import the journal or accept it first',
      )
  }

  async #take(
    lines: readonly JournalLine[],
    counted: { added: number; conflicts: number },
    journalId: string,
  ): Promise<void> {
    const { generation } = this.situation('native')
    await this.table.use(
      lines.map((line) => line.key),
      (records) => {
        for (const line of lines) {
          const merged = merge(records.get(line.key), line, generation)
          if (merged === undefined) continue
          records.set(line.key, merged.record)
          counted.added++
          if (merged.isConflict) counted.conflicts++
        }
      },
      () => {},
      // Its own journal holds it already.
      this.#journal?.head.id === journalId ? null : undefined,
    )
  }

  async #openJournal(): Promise<void> {
    const { journalFile } = this.#init
    if (journalFile === undefined) return
    const journal = await JournalFile.open(journalFile, this.#publicKey)
    this.#journal = journal
    this.#outbox = new JournalOutbox(this.#space(OUTBOX), (entries) => journal.append(entries))
    // A crash between store and journal; nobody was answered.
    await this.#outbox.recover()
    if (this.#continuity.standing === 'proven' && !(await this.#knowsTail(journal)))
      this.#continuity = lost('journal_knows_more', this.#token, this.#tie)
  }

  /** Every line was in the store before it was in the journal. An older copy of the store lacks the newest. */
  async #knowsTail(journal: JournalFile): Promise<boolean> {
    const compared = this.#tie?.journal?.id === journal.head.id ? this.#tie.journal.seq : 0
    const lines = journal.tail.filter((line) => line.seq > compared)
    const stored = await this.#records.getMany(lines.map((line) => line.key))
    // Of several lines about one secret the last one says all.
    const last = new Map(lines.map((line, i) => [line.key, { line, bytes: stored[i] }] as const))
    return [...last.values()].every(({ line, bytes }) =>
      isKnown(line, bytes === undefined ? undefined : decodeRecord(line.key, bytes)),
    )
  }

  /** A journal that was begun anew, cut or replaced hears everything that the store knows. */
  async #completeJournal(): Promise<void> {
    const journal = this.#journal
    if (journal === undefined) return
    const known = this.#tie?.journal
    if (known?.id !== journal.head.id || journal.seq < known.seq) await this.#writeAll(journal)
    await this.#noteJournal()
  }

  async #noteJournal(): Promise<void> {
    const journal = this.#journal
    if (journal === undefined) return
    await this.#putTie({ ...this.#requireTie(), journal: { id: journal.head.id, seq: journal.seq } })
  }

  async #writeAll(file: JournalFile): Promise<void> {
    await this.#eachPage(async (page) => {
      await file.append(page.map(([key, bytes]) => entryOf(key, decodeRecord(key, bytes))))
    })
  }

  async #eachPage(work: (page: readonly (readonly [BindingKey, Uint8Array])[]) => Promise<void>): Promise<void> {
    for (let after = ''; ; ) {
      const page = await this.#records.page(after, PAGE)
      const last = page.at(-1)
      if (last === undefined) return
      await work(page as readonly (readonly [BindingKey, Uint8Array])[])
      after = last[0]
    }
  }

  /** R32: from now on this store and a new instance file belong together. */
  async #establish(): Promise<void> {
    await this.latch.critical(async () => {
      const token = newToken(fromHex(this.#publicKey), 1, false)
      const kept = { generation: this.#tie?.generation ?? 0, journal: this.#tie?.journal }
      // A crash between the two leaves two that do not belong together: lost, as before.
      await this.#putTie({ tokenHash: tokenHash(token), counter: token.counter, ...kept })
      await writeInstanceFile(this.#init.instanceFile, token)
      this.#token = token
      await this.#completeJournal()
    })
    this.#continuity = { standing: 'proven' }
    this.#init.logger.warn('the store of one-time secrets belongs to a new instance', {
      instance: this.#init.instanceFile,
    })
  }

  async #advance(): Promise<void> {
    if (typeof this.#token === 'string') return
    const { token, tie } = advanced(this.#token, this.#tie)
    await this.#putTie(tie)
    await writeInstanceFile(this.#init.instanceFile, token)
    this.#token = token
  }

  async #putTie(tie: StoreTie): Promise<void> {
    await this.#space(CONTINUITY).put(this.#publicKey, encodeTie(tie))
    this.#tie = tie
  }

  #requireTie(): StoreTie {
    if (this.#tie === undefined)
      throw new S2StateError('S2_BINDINGS_FAILED', 'the memory of one-time secrets is not started')
    return this.#tie
  }

  #space(name: string): Space {
    return this.#init.space(name)
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work, work)
    this.#last = done.catch((error: unknown) =>
      this.#init.logger.warn("an operator's command on one-time secrets failed", { error: describeError(error) }),
    )
    return done
  }

  #tellLost({ why, name }: Lost): void {
    this.#init.logger.error(
      'this store can not prove what the seed was used for; one-time secrets are refused until its journal is imported or it is accepted by name',
      { why, name },
    )
  }
}

const NO_JOURNAL = { written: Promise.resolve(), publish: async () => {} }
