import { describeError, type Logger, toHex } from '../../base/index.ts'
import { randomBytes } from '../../curve/index.ts'
import type { Space } from '../../store/index.ts'
import type { Continuity } from './continuity.ts'
import { ContinuityKeeper } from './continuity-keeper.ts'
import { S2StateError } from './errors.ts'
import { FatalLatch } from './fatal-latch.ts'
import { InstanceLock } from './instance-lock.ts'
import { exportJournal } from './journal-export.ts'
import { OwedJournal } from './journal-outbox.ts'
import {
  accept,
  type ImportReport,
  importJournal,
  type Remembered,
  type RetireReport,
  retireGeneration,
} from './memory-commands.ts'
import { newRun, RUN_BYTES } from './one-time-record.ts'
import type { Situation } from './one-time-rules.ts'
import { RecordChanges } from './record-changes.ts'
import { RecordTable } from './record-table.ts'
import { StoreJournal } from './store-journal.ts'
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
  /** How often the instance file is looked at while the node runs. */
  readonly watchMs?: number
}

export interface S2MemoryStatus {
  readonly continuity: Continuity
  /** Counts retirements of MuSig2 records. */
  readonly generation: number
  readonly journal:
    | { readonly path: string; readonly lines: number; readonly bytes: number; readonly head: string }
    | undefined
}

/** A second server of the seed is seen within it, where the lock does not show one. */
const WATCH_MS = 3_000
const RECORDS = 's2-bindings'
const OUTBOX = 's2-outbox'
const CONTINUITY = 's2-continuity'

/**
 * What is remembered of a seed's one-time keys and nonces, and whether it can be proven that it is all (R30, R32, R34).
 * What waits for the operator is here too: accept, import, export, retire. Those come one after the other.
 */
export class S2Memory {
  readonly table: RecordTable
  readonly latch: FatalLatch
  readonly #init: S2MemoryInit
  readonly #records: Space
  readonly #changes = new RecordChanges()
  #run: Uint8Array = new Uint8Array(RUN_BYTES)
  #lostRun: Uint8Array = new Uint8Array(RUN_BYTES)
  #continuity: ContinuityKeeper | undefined
  /** Of a store that is proven: what a lost one would begin must never pass for its history. */
  #journal: StoreJournal | undefined
  #owed: OwedJournal
  #isStarted = false
  #lock: InstanceLock | undefined
  #watching: NodeJS.Timeout | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(init: S2MemoryInit) {
    this.#init = init
    this.latch = new FatalLatch(init.logger, init.onFatal)
    this.#records = init.space(RECORDS)
    this.#owed = new OwedJournal(init.space(OUTBOX))
    this.table = new RecordTable({
      space: this.#records,
      latch: this.latch,
      companion: {
        begin: (changed) => {
          this.#changes.tell(changed)
          return (this.#journal ?? this.#owed).begin(changed)
        },
      },
      ...(init.maxIdle === undefined ? {} : { maxIdle: init.maxIdle }),
    })
  }

  /**
   * `publicKey` names the seed: its MuSig2 key, x-only. Nothing may be answered before this resolves.
   * Throws `S2_BINDINGS_UNREADABLE`, `S2_JOURNAL_…`, and what a failed read or write throws.
   */
  async start(publicKey: Uint8Array): Promise<void> {
    const { space, instanceFile, logger } = this.#init
    this.#lostRun = newRun('lost', randomBytes(RUN_BYTES))
    this.#run = newRun('proven', randomBytes(RUN_BYTES))
    this.#owed = new OwedJournal(space(OUTBOX))
    this.#lock = await InstanceLock.take(instanceFile)
    const continuity = await ContinuityKeeper.open(space(CONTINUITY), instanceFile, toHex(publicKey))
    this.#continuity = continuity
    if (continuity.now.standing === 'proven') {
      const isKnown = await this.#openJournal((journal) => journal.isKnownToStore(continuity.tie?.journal))
      if (!isKnown) continuity.lose('journal_knows_more')
    }
    this.#isStarted = true
    if (continuity.now.standing === 'lost') {
      const { why, name } = continuity.now
      logger.error('this store can not prove what the seed was used for: import its journal, or accept it by name', {
        why,
        name,
      })
      return
    }
    await this.#journal?.complete(continuity.tie?.journal)
    await continuity.advance(this.#journal?.mark)
    this.#watch(continuity)
  }

  /** Whoever uses the table must have stopped. */
  async stop(): Promise<void> {
    clearInterval(this.#watching)
    await this.#last
    await this.table.idle()
    const [journal, isSound] = [this.#journal, !this.latch.failed]
    this.#journal = undefined
    const mark = journal?.mark
    try {
      await journal?.close(isSound)
      // A step of its own: a copy that was made while the node ran is older then.
      if (isSound && this.#isStarted) await this.#continuity?.advance(mark)
    } finally {
      this.#isStarted = false
      this.#continuity = undefined
      this.table.forgetIdle()
      const lock = this.#lock
      this.#lock = undefined
      await lock?.release()
    }
  }

  /** While the store is proven. A file that somebody else wrote stops the process: there are two servers (R32). */
  #watch(continuity: ContinuityKeeper): void {
    const look = async () => {
      if (this.#continuity === continuity) await this.latch.critical(() => continuity.assertOwn())
    }
    clearInterval(this.#watching)
    this.#watching = setInterval(() => {
      // The latch has told of it.
      this.#last = this.#last.then(look).catch(() => {})
    }, this.#init.watchMs ?? WATCH_MS)
    this.#watching.unref()
  }

  situation(nonceMode: NonceMode): Situation {
    const { now, tie } = this.#require()
    const { standing } = now
    const run = standing === 'lost' ? this.#lostRun : this.#run
    return { standing, nonceMode, generation: tie?.generation ?? 0, run, lostRun: this.#lostRun }
  }

  status(): S2MemoryStatus {
    const { now, tie } = this.#require()
    const file = this.#journal?.file
    const journal = file && { path: file.path, lines: file.seq, bytes: file.bytes, head: file.check }
    return { continuity: now, generation: tie?.generation ?? 0, journal }
  }

  /**
   * The operator takes the blame: this store is all there is to remember (R32). `name` is the one that the status shows. Durable when
   * it resolves. Throws `S2_ACCEPT_OTHER`.
   */
  accept(name: string): Promise<void> {
    return this.#command('accept', async (at) => {
      await accept(at, name)
      this.#watch(at.continuity)
    })
  }

  /**
   * Takes in what another store was used for, and only to refuse (R32). The whole file is checked before anything is taken from it, and
   * the same file may be brought again. A store that was lost is not any more then. Throws `S2_JOURNAL_…`.
   */
  importJournal(path: string): Promise<ImportReport> {
    return this.#command('import', async (at) => {
      const report = await importJournal(at, path)
      this.#watch(at.continuity)
      return report
    })
  }

  /**
   * Writes all that this store knows into a new journal file, for another store to import: what was answered before this resolves, save
   * for its last moments. Resolves with its lines. Throws `S2_JOURNAL_…`, `FILE_WRITE_FAILED`.
   */
  exportJournal(path: string): Promise<number> {
    return this.#command('export', (at) => exportJournal(at, path))
  }

  /**
   * Closes the generation of MuSig2 records that is being written, and drops the one that was closed before. A nonce whose random bytes
   * are gone can never be made again, so dropping its record allows no second use (R34); records of nonces that could be made again,
   * and those of one-time keys, always stay. Throws `S2_RETIRE_REFUSED`.
   */
  retireGeneration(nonceMode: NonceMode): Promise<RetireReport> {
    return this.#command('retire', (at) => retireGeneration(at, nonceMode))
  }

  /** False where `isWanted` is: then nothing was told, and nothing will be. */
  async #openJournal(isWanted: (journal: StoreJournal) => Promise<boolean>): Promise<boolean> {
    const { journalFile, space } = this.#init
    if (journalFile === undefined || this.#journal !== undefined) return true
    const journal = await StoreJournal.open(journalFile, this.#require().publicKey, this.#records, space(OUTBOX))
    try {
      if (await isWanted(journal)) {
        await journal.recover()
        this.#journal = journal
      }
      return this.#journal === journal
    } finally {
      if (this.#journal !== journal) await journal.close(false)
    }
  }

  #require(): ContinuityKeeper {
    if (this.#continuity === undefined)
      throw new S2StateError('S2_NOT_STARTED', 'the memory of one-time keys is not started, or was stopped')
    return this.#continuity
  }

  #command<T>(name: string, work: (at: Remembered) => Promise<T>): Promise<T> {
    const done = this.#last.then(() =>
      work({
        table: this.table,
        changes: this.#changes,
        records: this.#records,
        latch: this.latch,
        continuity: this.#require(),
        journal: this.#journal,
        openJournal: async () => {
          await this.#openJournal(async () => true)
          return this.#journal
        },
      }),
    )
    const { logger } = this.#init
    this.#last = done.then(
      () => logger.warn("an operator's command on one-time keys is done", { command: name }),
      (error: unknown) =>
        logger.warn("an operator's command on one-time keys failed", { command: name, error: describeError(error) }),
    )
    return done
  }
}
