import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { describeError, fromHex, LIMITS, toHex, utf8, withDeadline } from '../../base/index.ts'
import { type KeyPair, randomBytes } from '../../curve/index.ts'
import { ensurePrivateFolder, writeFileAtomic } from '../atomic-file.ts'
import { isJson, NO_HASH } from '../chain-format.ts'
import { StoreError } from '../errors.ts'
import { journalFileName, journalFilesIn } from './files.ts'
import { type FileHead, GROUP_SIGNATURE_TAG, hashOfLine, textOfHead, textOfLine } from './format.ts'
import { readJournalFile } from './read.ts'

export interface GroupJournalInit {
  /** Folder of its files, made with mode 0700. */
  readonly dir: string
  /** Name of the journal, of a-z and dashes: of its files, and in every hash. */
  readonly journal: string
  /** Signs the last line of each sync. */
  readonly signer: Pick<KeyPair, 'publicKey' | 'sign'>
  /** Told once, when nothing can be written any more. */
  readonly onFailure?: (error: StoreError) => void
  readonly maxFileBytes?: number
  readonly maxLineBytes?: number
  readonly timeoutMs?: number
}

/**
 * Lines that follow each other by their hashes (docs/AUDIT.md), in numbered files of bounded size; many lines to a sync, one
 * signature to a sync. A finished file is never touched again. One writer: the node, whose store no second process opens.
 */
export interface GroupJournal {
  /**
   * Synced when it resolves; lines stand in the order of the calls. `payload` is JSON on one line. Throws TypeError for anything
   * else, `JOURNAL_RECORD_TOO_LARGE`, `JOURNAL_CHANGED` and `FILE_WRITE_FAILED`, after which every append fails: nobody can say
   * what is on disk.
   */
  append(payload: string): Promise<void>
  view(): GroupJournalView
  close(): Promise<void>
}

export interface GroupJournalView {
  /** Hash of the last line on disk: whoever notes it elsewhere will see that the end was cut off. */
  readonly head: string
  /** Lines of all files, their first ones included. */
  readonly lines: number
  /** Path of the file that is written to. */
  readonly file: string
  readonly fileNumber: number
  readonly fileBytes: number
}

export interface OpenedGroupJournal {
  readonly journal: GroupJournal
  /** Where lines went that a crash had cut off; undefined if there were none. */
  readonly tornTo: string | undefined
}

/** What is asked for at once and does not fit into one sync waits for the next. */
const MAX_LINES_PER_SYNC = 4_096
const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW

interface Waiting {
  readonly payload: string
  readonly resolve: () => void
  readonly reject: (error: StoreError) => void
}

/** The file that is written to, and where its chain stands. */
interface Current {
  readonly file: FileHandle
  readonly path: string
  readonly head: FileHead
  readonly size: number
  readonly seq: number
  readonly hash: string
}

/**
 * Opens the newest file and checks all of it, or begins a chain. What a crash cut off is moved to a file of its own beside it, never
 * dropped. Throws `JOURNAL_BROKEN`, `FILE_UNREADABLE`, `FILE_WRITE_FAILED`.
 */
export async function openGroupJournal(init: GroupJournalInit): Promise<OpenedGroupJournal> {
  await ensurePrivateFolder(init.dir)
  const path = (await journalFilesIn(init.dir, init.journal)).at(-1)
  if (path === undefined) {
    const chain = toHex(randomBytes(16))
    const head = { journal: init.journal, chain, number: 1, prev: NO_HASH }
    return { journal: new GroupFiles(init, await beginFile(init, head, 0)), tornTo: undefined }
  }
  const file = await opened(path)
  try {
    const { size } = await file.stat()
    // Twice, because a limit may have been larger when the file was written.
    if (size > 2 * maxFileBytesOf(init)) throw unreadable(path, `it is larger than ${2 * maxFileBytesOf(init)} bytes`)
    const { head, lines, goodBytes, torn } = checked(init.journal, Uint8Array.from(await file.readFile()), path)
    const tornTo = await setAside(file, path, torn, goodBytes)
    const last = lines.at(-1)
    const at = { seq: (last?.seq ?? -1) + 1, hash: last?.hash ?? head.prev }
    return { journal: new GroupFiles(init, { file, path, head, size: goodBytes, ...at }), tornTo }
  } catch (error) {
    await file.close()
    throw error
  }
}

const maxFileBytesOf = ({ maxFileBytes }: GroupJournalInit): number => maxFileBytes ?? LIMITS.maxAuditFileBytes

/** With its first line, whole or not at all: a crash leaves no file without one. */
async function beginFile(init: GroupJournalInit, head: FileHead, seq: number): Promise<Current> {
  const path = join(init.dir, journalFileName(init.journal, head.number))
  const payload = textOfHead(head)
  const hash = hashOfLine(init.journal, head.prev, seq, payload)
  const text = utf8(`${textOfLine(seq, hash, payload, signedBy(init, hash))}\n`)
  await writeFileAtomic(path, text, { overwrite: 'never' })
  return { file: await opened(path), path, head, size: text.length, seq: seq + 1, hash }
}

const signedBy = ({ signer }: GroupJournalInit, hash: string) => ({
  by: signer.publicKey,
  signature: signer.sign(GROUP_SIGNATURE_TAG, fromHex(hash)),
})

class GroupFiles implements GroupJournal {
  readonly #init: GroupJournalInit
  #current: Current
  #waiting: Waiting[] = []
  #running: Promise<void> | undefined
  #fatal: StoreError | undefined

  constructor(init: GroupJournalInit, current: Current) {
    this.#init = init
    this.#current = current
  }

  append(payload: string): Promise<void> {
    if (!isJson(payload)) return Promise.reject(new TypeError('payload: expected JSON on one line'))
    if (this.#fatal !== undefined) return Promise.reject(this.#fatal)
    if (payload.length > (this.#init.maxLineBytes ?? LIMITS.maxAuditLineBytes)) return Promise.reject(this.#tooLarge())
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#waiting.push({ payload, resolve, reject })
    this.#running ??= this.#run()
    return promise
  }

  view(): GroupJournalView {
    const { hash, seq, path, head, size } = this.#current
    return { head: hash, lines: seq, file: path, fileNumber: head.number, fileBytes: size }
  }

  async close(): Promise<void> {
    await this.#running
    this.#fatal ??= new StoreError('FILE_WRITE_FAILED', `${this.#current.path} is closed: the node is stopping`)
    await this.#current.file.close()
  }

  async #run(): Promise<void> {
    // Lets everything that is asked for in this tick join the first sync.
    await new Promise<void>((resolve) => setImmediate(resolve))
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, MAX_LINES_PER_SYNC)
      try {
        if (this.#fatal === undefined) await this.#commit(group.map((w) => w.payload))
      } catch (error) {
        this.#fail(error)
      }
      const fatal = this.#fatal
      for (const w of group) fatal === undefined ? w.resolve() : w.reject(fatal)
    }
    this.#running = undefined
  }

  async #commit(payloads: readonly string[]): Promise<void> {
    const timeoutMs = this.#init.timeoutMs ?? LIMITS.storeSyncTimeoutMs
    await withDeadline('writing to the disk', timeoutMs, async () => {
      if (this.#current.size >= maxFileBytesOf(this.#init)) await this.#nextFile()
      const { journal } = this.#init
      let { seq, hash } = this.#current
      const texts = payloads.map((payload, i) => {
        hash = hashOfLine(journal, hash, seq, payload)
        const isLast = i === payloads.length - 1
        return textOfLine(seq++, hash, payload, isLast ? signedBy(this.#init, hash) : undefined)
      })
      const bytes = utf8(`${texts.join('\n')}\n`)
      await this.#write(bytes)
      this.#current = { ...this.#current, size: this.#current.size + bytes.length, seq, hash }
    })
  }

  /** The first line of a file holds the last hash of the one before. */
  async #nextFile(): Promise<void> {
    const { file, head, hash, seq } = this.#current
    this.#current = await beginFile(this.#init, { ...head, number: head.number + 1, prev: hash }, seq)
    await file.close()
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const { file, path, size } = this.#current
    const { size: found } = await file.stat()
    if (found !== size)
      throw new StoreError(
        'JOURNAL_CHANGED',
        `${path} was changed by another process; find out which, then start the node again`,
        { path },
      )
    await file.appendFile(bytes)
    await file.datasync()
  }

  #fail(cause: unknown): void {
    const error = cause instanceof StoreError ? cause : unwritable(this.#current.path, cause)
    this.#fatal = error
    // Apart from this loop: the lines that wait are refused whatever the listener does.
    queueMicrotask(() => this.#init.onFailure?.(error))
  }

  #tooLarge(): StoreError {
    return new StoreError('JOURNAL_RECORD_TOO_LARGE', `a line of ${this.#current.path} may not be so long`, {
      path: this.#current.path,
    })
  }
}

/** Only a start begins a new chain: a running node would not notice that a file was moved. */
const MOVE_IT =
  'keep the file for whoever looks into it: stop the node, move the folder to a safe place, and start the node again'

function checked(journal: string, bytes: Uint8Array, path: string) {
  try {
    return readJournalFile(journal, bytes, path)
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    throw new StoreError(error.code, `${error.message}; ${MOVE_IT}`, error.data, { cause: error })
  }
}

/** First the copy, then the cut: a crash between the two leaves the copy twice, never none. */
async function setAside(
  file: FileHandle,
  path: string,
  torn: Uint8Array,
  goodBytes: number,
): Promise<string | undefined> {
  if (torn.length === 0) return undefined
  const to = `${path}.torn-${Date.now()}-${toHex(randomBytes(2))}`
  await writeFileAtomic(to, torn, { overwrite: 'never' })
  try {
    await file.truncate(goodBytes)
    await file.sync()
  } catch (error) {
    throw unwritable(path, error)
  }
  return to
}

async function opened(path: string): Promise<FileHandle> {
  try {
    const file = await open(path, FLAGS)
    await file.chmod(0o600)
    return file
  } catch (error) {
    throw unwritable(path, error)
  }
}

const unwritable = (path: string, error: unknown) =>
  new StoreError(
    'FILE_WRITE_FAILED',
    `${path} can't be written (${describeError(error)}); check its owner, and the space on its disk, then start the node again`,
    { path },
    { cause: error },
  )
const unreadable = (path: string, why: string) =>
  new StoreError('FILE_UNREADABLE', `${path} can't be read: ${why}; ${MOVE_IT}`, { path })
