import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { describeError, fromHex, LIMITS, utf8 } from '../base/index.ts'
import { type KeyPair, randomBytes } from '../curve/index.ts'
import { ensurePrivateFolder, syncFolder, writeFileAtomic } from './atomic-file.ts'
import { CHAIN_SIGNATURE_TAG, type ChainRecord, hashOf, headOf, isJson, lineOf, NO_HASH } from './chain-format.ts'
import { type ReadChain, readChain } from './chain-read.ts'
import { StoreError } from './errors.ts'

export interface ChainedJournalInit {
  readonly path: string
  /** Name of the chain, in its first record and in every hash: a record of one chain is none of another. */
  readonly chain: string
  /** Signs each record, so that the file's origin can be checked. */
  readonly signer: Pick<KeyPair, 'publicKey' | 'sign'>
  readonly maxBytes?: number
  readonly maxRecordBytes?: number
}

/** What opening found. */
export interface OpenedJournal {
  readonly journal: ChainedJournal
  /** Records that stood there already, without the first one, which names the chain. */
  readonly records: readonly ChainRecord[]
  /** Where a record went that a crash had cut off; undefined if there was none. */
  readonly tornTo: string | undefined
}

/**
 * An append-only file in which every record holds the hash of the one before (docs/ROUNDS.md). One writer: the node, whose store no
 * second process opens; a file that grew by another hand is refused.
 */
export interface ChainedJournal {
  readonly path: string
  /**
   * Synced when it resolves; records stand in the order of the calls. `payload` is JSON on one line. Throws TypeError for
   * anything else, `JOURNAL_RECORD_TOO_LARGE`, `JOURNAL_FULL` (nothing was written, the journal stays usable),
   * `JOURNAL_CHANGED` and `FILE_WRITE_FAILED`, after which every append fails: nobody can say what is on disk (R30).
   */
  append(payload: string): Promise<ChainRecord>
  /** Hash of the last record: whoever notes it elsewhere will see that the end was cut off. */
  head(): string
  sizeBytes(): number
  close(): Promise<void>
}

const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW

/**
 * Opens a chain and checks all of it, or begins one (mode 0600). A record that a crash cut off is moved to a file of its own
 * beside it, never dropped. Throws `JOURNAL_BROKEN`, `FILE_UNREADABLE`, `FILE_WRITE_FAILED`.
 */
export async function openChainedJournal(init: ChainedJournalInit): Promise<OpenedJournal> {
  const { path, chain } = init
  const maxBytes = init.maxBytes ?? LIMITS.maxJournalBytes
  const file = await openFile(path)
  try {
    const { size } = await file.stat()
    // Twice, because a limit may have been larger when the file was written.
    if (size > 2 * maxBytes) throw unreadable(path, `it is larger than ${2 * maxBytes} bytes`)
    const read = checked(chain, Uint8Array.from(await file.readFile()), path)
    const tornTo = await setAside(file, path, read)
    const journal = new FileChain(file, init, read.goodBytes, read)
    if (read.head === undefined) await journal.append(headOf(chain))
    return { journal, records: read.records, tornTo }
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Only a start begins a new file: a running node would not notice that this one was moved. */
const MOVE_IT =
  'keep the file for whoever looks into it: stop the node, move the file to a safe place, and start the node again'

function checked(chain: string, bytes: Uint8Array, path: string): ReadChain {
  try {
    return readChain(chain, bytes, path)
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    throw new StoreError(error.code, `${error.message}; ${MOVE_IT}`, error.data, { cause: error })
  }
}

/** First the copy, then the cut: a crash between the two leaves the copy twice, never none. */
async function setAside(file: FileHandle, path: string, { torn, goodBytes }: ReadChain): Promise<string | undefined> {
  if (torn.length === 0) return undefined
  const to = `${path}.torn-${Date.now()}-${randomBytes(2).join('')}`
  await writeFileAtomic(to, torn, { overwrite: 'never' })
  try {
    await file.truncate(goodBytes)
    await file.sync()
  } catch (error) {
    throw unwritable(path, error)
  }
  return to
}

class FileChain implements ChainedJournal {
  readonly path: string
  readonly #file: FileHandle
  readonly #init: ChainedJournalInit
  #size: number
  #seq: number
  #head: string
  #fatal: StoreError | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(file: FileHandle, init: ChainedJournalInit, size: number, { head, records }: ReadChain) {
    this.path = init.path
    this.#file = file
    this.#init = init
    this.#size = size
    this.#seq = head === undefined ? 0 : records.length + 1
    this.#head = head ?? NO_HASH
  }

  append(payload: string): Promise<ChainRecord> {
    if (!isJson(payload)) return Promise.reject(new TypeError('payload: expected JSON on one line'))
    const write = () => this.#append(payload)
    // A failed append was its own caller's to see; what it means for the next one is told by #fatal.
    const appended = this.#last.then(write, write)
    this.#last = appended.catch(() => {})
    return appended
  }

  head(): string {
    return this.#head
  }
  sizeBytes(): number {
    return this.#size
  }
  async close(): Promise<void> {
    await this.#last
    await this.#file.close()
  }

  async #append(payload: string): Promise<ChainRecord> {
    if (this.#fatal !== undefined) throw this.#fatal
    const { chain, signer } = this.#init
    const body = { seq: this.#seq, by: signer.publicKey, payload }
    const record = { ...body, hash: hashOf(chain, this.#head, body) }
    const signature = signer.sign(CHAIN_SIGNATURE_TAG, fromHex(record.hash))
    const line = utf8(`${lineOf(record, this.#head, signature)}\n`)
    this.#checkRoom(line.length)
    try {
      await this.#write(line)
    } catch (error) {
      this.#fatal = error instanceof StoreError ? error : unwritable(this.path, error)
      throw this.#fatal
    }
    this.#size += line.length
    this.#seq += 1
    this.#head = record.hash
    return record
  }

  #checkRoom(bytes: number): void {
    const maxRecordBytes = this.#init.maxRecordBytes ?? LIMITS.maxJournalRecordBytes
    const maxBytes = this.#init.maxBytes ?? LIMITS.maxJournalBytes
    if (bytes > maxRecordBytes)
      throw new StoreError('JOURNAL_RECORD_TOO_LARGE', `a record of ${this.path} may have ${maxRecordBytes} bytes`, {
        path: this.path,
        bytes,
      })
    if (this.#size + bytes > maxBytes)
      throw new StoreError(
        'JOURNAL_FULL',
        `${this.path} has reached ${maxBytes} bytes; stop the node, move the file to a safe place, and start it again`,
        { path: this.path, maxBytes },
      )
  }

  async #write(line: Uint8Array): Promise<void> {
    const { size } = await this.#file.stat()
    if (size !== this.#size)
      throw new StoreError(
        'JOURNAL_CHANGED',
        `${this.path} was changed by another process; find out which, then start the node again`,
        { path: this.path },
      )
    await this.#file.appendFile(line)
    await this.#file.sync()
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    await ensurePrivateFolder(dirname(path))
    const file = await open(path, FLAGS, 0o600)
    await file.chmod(0o600)
    await syncFolder(dirname(path))
    return file
  } catch (error) {
    throw error instanceof StoreError ? error : unwritable(path, error)
  }
}

const unwritable = (path: string, error: unknown) =>
  new StoreError(
    'FILE_WRITE_FAILED',
    `${path} can't be written (${describeError(error)}); check its owner, and the space on its disk`,
    { path },
    { cause: error },
  )
const unreadable = (path: string, why: string) =>
  new StoreError('FILE_UNREADABLE', `${path} can't be read: ${why}; ${MOVE_IT}`, {
    path,
  })
