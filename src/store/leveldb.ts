import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { describeError, LIMITS, type Logger, withDeadline } from '../base/index.ts'
import { ensurePrivateFolder } from './atomic-file.ts'
import { StoreError } from './errors.ts'
import { GroupCommit } from './group-commit.ts'
import { findLogDamage } from './log-check.ts'
import type { Space, Store } from './types.ts'

export interface StoreInit {
  /** Made with mode 0700 if it isn't there. */
  readonly dir: string
  readonly logger: Logger
  /** Called once, when a write could not be synced: the process must stop, every later write is refused (R30). */
  readonly onFatal?: (error: StoreError) => void
}

/** Nothing is written any more by then. */
const CLOSE_TIMEOUT_MS = 10_000

type Level = ClassicLevel<string, Uint8Array>

/**
 * Durable state in one LevelDB folder; opened by `start()`. Every write is synced before it resolves, writes that wait
 * together share one sync. Throws `STORE_LOCKED`, `STORE_UNREADABLE`, `STORE_WRITE_FAILED`, `STORE_NOT_OPEN`.
 */
export const openStore = (init: StoreInit): Store => new LevelStore(init)

class LevelStore implements Store {
  readonly #init: StoreInit
  #level: Level | undefined
  #commits: GroupCommit | undefined

  constructor(init: StoreInit) {
    this.#init = init
  }

  async start(): Promise<void> {
    const { dir, logger, onFatal } = this.#init
    if (this.#level !== undefined) return
    await ensurePrivateFolder(dir)
    // LevelDB would begin anew, without a word, where CURRENT is lost; that may only happen in an empty folder.
    const createIfMissing = !(await hasRemains(dir))
    const level: Level = new ClassicLevel(dir, { keyEncoding: 'utf8', valueEncoding: 'view', createIfMissing })
    try {
      await level.open()
    } catch (error) {
      throw openFailure(dir, error)
    }
    this.#level = level
    this.#commits = new GroupCommit(async (writes) => level.batch([...writes], { sync: true }), dir, onFatal)
    logger.debug('store opened', { dir })
  }

  async stop(): Promise<void> {
    const [level, commits] = [this.#level, this.#commits]
    this.#level = undefined
    this.#commits = undefined
    try {
      await commits?.idle()
    } finally {
      if (level !== undefined) await withDeadline('closing the store', CLOSE_TIMEOUT_MS, () => level.close())
    }
  }

  /** Keys stand under `name/`; `0` follows `/` in order, so a space is one range. */
  space(name: string): Space {
    if (!/^[a-z0-9-]+$/.test(name)) throw new TypeError('space: expected a name of a–z, 0–9 and -')
    const prefix = `${name}/`
    return {
      get: (key) =>
        this.#read(async (level) => {
          const value = await level.get(prefix + key)
          return value === undefined ? undefined : Uint8Array.from(value)
        }),
      getMany: (keys) =>
        this.#read(async (level) => {
          const values = await level.getMany(keys.map((key) => prefix + key))
          return values.map((value) => (value === undefined ? undefined : Uint8Array.from(value)))
        }),
      put: async (key, value) =>
        this.#open().commits.add({ type: 'put', key: prefix + key, value: Uint8Array.from(value) }),
      delete: async (key) => this.#open().commits.add({ type: 'del', key: prefix + key }),
      entries: () =>
        this.#read(async (level) => {
          const all = await level.iterator({ gte: prefix, lt: `${name}0` }).all()
          return all.map(([key, value]) => [key.slice(prefix.length), Uint8Array.from(value)] as const)
        }),
      page: (after, limit) =>
        this.#read(async (level) => {
          const some = await level.iterator({ gt: prefix + after, lt: `${name}0`, limit }).all()
          return some.map(([key, value]) => [key.slice(prefix.length), Uint8Array.from(value)] as const)
        }),
    }
  }

  syncingSinceMs(): number | undefined {
    return this.#commits?.syncingSinceMs()
  }

  #open(): { level: Level; commits: GroupCommit } {
    if (this.#level === undefined || this.#commits === undefined)
      throw new StoreError('STORE_NOT_OPEN', `the store ${this.#init.dir} is not open; start it first`, {
        path: this.#init.dir,
      })
    return { level: this.#level, commits: this.#commits }
  }

  async #read<T>(read: (level: Level) => Promise<T>): Promise<T> {
    const { level } = this.#open()
    try {
      return await withDeadline('reading from the disk', LIMITS.storeSyncTimeoutMs, () => read(level))
    } catch (error) {
      throw unreadable(this.#init.dir, error)
    }
  }
}

/** Does the folder hold files of a LevelDB? Checks its log on the way; throws `STORE_UNREADABLE`. */
async function hasRemains(dir: string): Promise<boolean> {
  const remains = (await readdir(dir)).filter((name) => /^(CURRENT|MANIFEST-\d+|\d+\.(log|ldb|sst))$/.test(name))
  for (const name of remains.filter((n) => n.endsWith('.log'))) {
    const damagedAt = findLogDamage(await readFile(join(dir, name)))
    if (damagedAt !== undefined) throw unreadable(dir, new Error(`${name} is damaged at byte ${damagedAt}`))
  }
  return remains.length > 0
}

function openFailure(dir: string, error: unknown): StoreError {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  if (cause instanceof Error && 'code' in cause && cause.code === 'LEVEL_LOCKED')
    return new StoreError(
      'STORE_LOCKED',
      `the folder ${dir} is in use by another process; stop that one, or give this node a folder of its own`,
      { path: dir },
    )
  return unreadable(dir, cause)
}

const unreadable = (dir: string, cause: unknown) =>
  new StoreError(
    'STORE_UNREADABLE',
    `the store ${dir} can't be read (${describeError(cause)}); keep the folder as it is and restore this node from its backup`,
    { path: dir },
    { cause },
  )
