import { type FSWatcher, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Cancel, type Clock, describeError, type Logger, type Startable, withDeadline } from '../../base/index.ts'

/** A file is read when it has stayed the same for so long: an editor that writes in pieces must not be read half-way. */
const SETTLE_MS = 300
/** Events can be missing (network file systems, a folder that was replaced), so the file is also looked at by itself. */
const LOOK_MS = 10_000
const STAT_TIMEOUT_MS = 5_000

export interface ConfigWatchInit {
  /** Absolute path. */
  readonly file: string
  /** Called when the file has changed and settled, and once after the start, for what changed before. */
  readonly onChange: () => void
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Tells when a config file changes. It watches the folder, because editors and config managers put another file in its
 * place; the file's own numbers say whether an event was about it. A file that is gone is no change: it may be on its way.
 */
export class ConfigWatch implements Startable {
  readonly #c: ConfigWatchInit
  readonly #logger: Logger
  #watcher: FSWatcher | undefined
  #running = false
  #looking = false
  #cancel: Cancel | undefined
  #isSoon = false
  #told: string | undefined
  #seen: string | undefined

  constructor(init: ConfigWatchInit) {
    this.#c = init
    this.#logger = init.logger.child('reload')
  }

  async start(): Promise<void> {
    if (this.#running) return
    this.#running = true
    this.#watchFolder()
    this.#soon()
  }

  async stop(): Promise<void> {
    this.#running = false
    this.#cancel?.()
    this.#watcher?.close()
    this.#watcher = undefined
    this.#told = undefined
    this.#seen = undefined
    this.#isSoon = false
  }

  #watchFolder(): void {
    const lost = (error: unknown) => {
      this.#watcher?.close()
      this.#watcher = undefined
      this.#logger.warn('The config file is not watched any more, only looked at from time to time', {
        error: describeError(error),
      })
    }
    try {
      this.#watcher = watch(dirname(this.#c.file), { persistent: false }, () => this.#soon())
      this.#watcher.on('error', lost)
    } catch (error) {
      lost(error)
    }
  }

  /** Not put off by further events: a busy folder (a log beside the config) would put it off for ever. */
  #soon(): void {
    if (!this.#running || this.#isSoon) return
    this.#isSoon = true
    this.#arm(SETTLE_MS)
  }

  #arm(delayMs: number): void {
    this.#cancel?.()
    this.#cancel = this.#c.clock.after(delayMs, () => void this.#look())
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    const now = await numbersOf(this.#c.file)
    this.#looking = false
    if (!this.#running) return
    this.#isSoon = false
    const hasSettled = now === this.#seen
    this.#seen = now
    this.#arm(LOOK_MS)
    if (now === undefined || now === this.#told) return
    if (!hasSettled) return this.#soon()
    this.#told = now
    this.#c.onChange()
  }
}

/** What tells one state of a file from another; undefined while there is none. A symbolic link is followed. */
async function numbersOf(file: string): Promise<string | undefined> {
  try {
    const { dev, ino, size, mtimeNs } = await withDeadline('looking at the config file', STAT_TIMEOUT_MS, () =>
      stat(file, { bigint: true }),
    )
    return [dev, ino, size, mtimeNs].join()
  } catch {
    // Gone, hidden or hanging: a reload that somebody asks for says which.
    return undefined
  }
}
