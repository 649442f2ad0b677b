import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { LIMITS, toHex, utf8, withDeadline } from '../../base/index.ts'
import { randomBytes } from '../../curve/index.ts'
import { ensurePrivateFolder, writeFileAtomic } from '../../store/index.ts'
import { S2StateError } from './errors.ts'
import {
  follows,
  headCheck,
  headText,
  type JournalEntry,
  type JournalHead,
  type JournalLine,
  lineText,
  MAX_LINE_BYTES,
  nextLine,
  parseHead,
  parseLine,
} from './journal-format.ts'
import { brokenAt, foreign, type JournalEnd, openJournal, textOf } from './journal-read.ts'
import { mapInSlices } from './slices.ts'

/** Lines at the end of a file that are looked through for the last whole one. */
const TAIL_LINES = 1_000

interface Waiting {
  readonly entries: readonly JournalEntry[]
  readonly written: PromiseWithResolvers<void>
}

/** A journal that a running node writes. Lines are synced when `append` resolves, many to a sync. After a failed one all are refused. */
export class JournalFile {
  readonly path: string
  readonly head: JournalHead
  readonly #file: FileHandle
  #bytes: number
  #seq: number
  #check: string
  #end: JournalEnd
  #waiting: Waiting[] = []
  #running: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined

  constructor(path: string, file: FileHandle, head: JournalHead, bytes: number, last: JournalLine | undefined) {
    this.path = path
    this.head = head
    this.#file = file
    this.#bytes = bytes
    this.#seq = last?.seq ?? 0
    this.#check = last?.check ?? headCheck(head)
    this.#end = { seq: this.#seq, check: this.#check, bytes }
  }

  /**
   * Opens a seed's journal, or begins one. What a crash cut off is cut away: whoever asked for it was never answered, and the store
   * tells it again. Throws `S2_JOURNAL_UNREADABLE`, `S2_JOURNAL_FOREIGN`, `S2_JOURNAL_BROKEN`, `FILE_WRITE_FAILED`.
   */
  static async open(path: string, publicKey: string): Promise<JournalFile> {
    await ensurePrivateFolder(dirname(path))
    const file = await openJournal(path, constants.O_RDWR | constants.O_CREAT)
    try {
      const { size } = await file.stat()
      if (size === 0) return await begin(path, file, publicKey)
      return await resume(path, file, size, publicKey)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  static of(
    path: string,
    file: FileHandle,
    head: JournalHead,
    bytes: number,
    last: JournalLine | undefined,
  ): JournalFile {
    return new JournalFile(path, file, head, bytes, last)
  }

  get seq(): number {
    return this.#seq
  }
  /** What the next line follows: whoever keeps a copy can compare it. */
  get check(): string {
    return this.#check
  }
  get bytes(): number {
    return this.#bytes
  }
  /** Of its last line that is on disk. */
  get end(): JournalEnd {
    return this.#end
  }

  /** Does the line that ended there still end there? Not in a file that was cut, or that another store wrote since. */
  async holds({ bytes, seq, check }: JournalEnd): Promise<boolean> {
    if (bytes > this.#bytes) return false
    const headBytes = headText(this.head).length + 1
    if (seq === 0) return bytes === headBytes && check === headCheck(this.head)
    const text = `${check}\n`
    return bytes > headBytes && textOf(await read(this.#file, bytes - text.length, text.length)) === text
  }

  append(entries: readonly JournalEntry[]): Promise<void> {
    const written = Promise.withResolvers<void>()
    this.#waiting.push({ entries, written })
    this.#running ??= this.#run()
    return written.promise
  }

  async close(): Promise<void> {
    await this.#running
    await this.#file.close()
  }

  async #run(): Promise<void> {
    // Lets everything that is asked for in this tick join the first sync.
    await new Promise<void>((resolve) => setImmediate(resolve))
    while (this.#waiting.length > 0) {
      const group = this.#waiting
      this.#waiting = []
      try {
        // Nobody can say what a failed write left: nothing is put behind it.
        if (this.#failure !== undefined) throw this.#failure.error
        await withDeadline('writing the journal', LIMITS.storeSyncTimeoutMs, () =>
          this.#write(group.flatMap((w) => w.entries)),
        )
        for (const w of group) w.written.resolve()
      } catch (error) {
        this.#failure ??= { error }
        for (const w of group) w.written.reject(error)
      }
    }
    this.#running = undefined
  }

  async #write(entries: readonly JournalEntry[]): Promise<void> {
    if ((await this.#file.stat()).size !== this.#bytes)
      throw new S2StateError(
        'S2_JOURNAL_BROKEN',
        `${this.path} was changed by somebody else; find out by whom, then start the node again`,
        { path: this.path },
      )
    // A thousand of them take as long as a request may wait.
    const lines = await mapInSlices(entries, (entry) => {
      const line = nextLine(entry, this.#seq + 1, this.#check)
      this.#seq = line.seq
      this.#check = line.check
      return lineText(line)
    })
    const bytes = utf8(lines.map((line) => `${line}\n`).join(''))
    await writeAll(this.#file, bytes, this.#bytes)
    this.#bytes += bytes.length
    await this.#file.datasync()
    this.#end = { seq: this.#seq, check: this.#check, bytes: this.#bytes }
  }
}

async function begin(path: string, file: FileHandle, publicKey: string): Promise<JournalFile> {
  const head: JournalHead = { publicKey, id: toHex(randomBytes(16)) }
  const bytes = utf8(`${headText(head)}\n`)
  // A whole file in its place at once: a crash leaves none, or one with its first line.
  await file.close()
  await writeFileAtomic(path, bytes, { overwrite: 'always' })
  return JournalFile.of(path, await openJournal(path, constants.O_RDWR), head, bytes.length, undefined)
}

async function resume(path: string, file: FileHandle, size: number, publicKey: string): Promise<JournalFile> {
  const first = await read(file, 0, Math.min(size, MAX_LINE_BYTES))
  const headEnd = first.indexOf(0x0a)
  const head = headEnd === -1 ? undefined : parseHead(textOf(first.subarray(0, headEnd)))
  if (head === undefined) throw foreign(path)
  if (head.publicKey !== publicKey)
    throw new S2StateError(
      'S2_JOURNAL_FOREIGN',
      `${path} is the journal of the seed with the key ${head.publicKey}, and this node's is ${publicKey}; give each its own journal_file`,
      { path },
    )
  const from = Math.max(headEnd + 1, size - TAIL_LINES * MAX_LINE_BYTES)
  const { lines, end } = tailOf(path, await read(file, from, size - from), from, from === headEnd + 1, headCheck(head))
  if (end < size) {
    await file.truncate(end)
    await file.sync()
  }
  return JournalFile.of(path, file, head, end, lines.at(-1))
}

/** The whole lines of the last bytes of a file, and where they end. */
function tailOf(
  path: string,
  bytes: Uint8Array,
  from: number,
  isWhole: boolean,
  startCheck: string,
): { readonly lines: readonly JournalLine[]; readonly end: number } {
  const lines: JournalLine[] = []
  // What stands before the first line's beginning belongs to one that is older.
  let start = isWhole ? 0 : bytes.indexOf(0x0a) + 1
  let known: { readonly seq: number; readonly check: string } | undefined = isWhole
    ? { seq: 0, check: startCheck }
    : undefined
  for (let end = bytes.indexOf(0x0a, start); end !== -1; end = bytes.indexOf(0x0a, start)) {
    const line = parseLine(textOf(bytes.subarray(start, end)))
    if (line === undefined || (known !== undefined && !follows(line, known.seq + 1, known.check))) {
      // A crash of the whole machine may leave a length without its content.
      if (bytes.subarray(start, end).includes(0) && bytes.indexOf(0x0a, end + 1) === -1) break
      throw brokenAt(path, (known?.seq ?? 0) + 1)
    }
    lines.push(line)
    known = line
    start = end + 1
  }
  return { lines, end: from + start }
}

async function read(file: FileHandle, at: number, length: number): Promise<Uint8Array> {
  const bytes = Buffer.alloc(length)
  let got = 0
  while (got < length) {
    const { bytesRead } = await file.read(bytes, got, length - got, at + got)
    if (bytesRead === 0) break
    got += bytesRead
  }
  return bytes.subarray(0, got)
}

async function writeAll(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  let done = 0
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done)
    done += bytesWritten
  }
}
