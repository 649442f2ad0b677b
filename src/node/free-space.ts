import { statfs } from 'node:fs/promises'
import { describeError, type Gauge, LIMITS, type Logger, type Metrics } from '../base/index.ts'

export interface FreeSpaceView {
  /** Of the fullest folder; null until it was looked at. */
  readonly freeBytes: number | null
  /** The folder that has too little; null while all have enough. */
  readonly lowFolder: string | null
}

export interface FreeSpaceInit {
  /** What is written to for clients. */
  readonly folders: readonly string[]
  readonly floorBytes?: number
  /** Bytes that this process may still write below a folder. */
  readonly freeBytesOf?: (folder: string) => Promise<number>
  readonly logger: Logger
  readonly metrics: Metrics
}

const freeOf = async (folder: string): Promise<number> => {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

/** Looks whether there is room for what clients make the node write: a full disk would stop much more than them. */
export class FreeSpace {
  readonly #init: FreeSpaceInit
  readonly #gauge: Gauge<never>
  #view: FreeSpaceView = { freeBytes: null, lowFolder: null }
  #looking: Promise<void> | undefined

  constructor(init: FreeSpaceInit) {
    this.#init = init
    this.#gauge = init.metrics.gauge('disk_free_bytes', 'Free bytes of the fullest disk that is written to for clients')
  }

  view(): FreeSpaceView {
    return this.#view
  }
  /** May clients make the node write? */
  readonly hasRoom = (): boolean => this.#view.lowFolder === null

  /** Never rejects. One look at a time: a disk that does not answer leaves what was seen last, and the store's own check is red. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #look(): Promise<void> {
    const { folders, logger, freeBytesOf = freeOf, floorBytes = LIMITS.minFreeDiskBytes } = this.#init
    const found = await Promise.all(
      folders.map(async (folder) => ({ folder, free: await this.#free(folder, freeBytesOf) })),
    )
    const [fullest] = found.filter((one) => one.free !== undefined).toSorted((a, b) => (a.free ?? 0) - (b.free ?? 0))
    if (fullest?.free === undefined) return
    const wasLow = !this.hasRoom()
    const isLow = fullest.free < floorBytes
    this.#view = { freeBytes: fullest.free, lowFolder: isLow ? fullest.folder : null }
    this.#gauge.set({}, fullest.free)
    const { folder, free } = fullest
    if (isLow && !wasLow)
      logger.error('The disk is nearly full: what bridges ask of the seed and of keys is refused', { folder, free })
    if (!isLow && wasLow) logger.info('The disk has room again', { folder, free })
  }

  /** A folder that is not there is said by those who need it. */
  async #free(folder: string, freeBytesOf: (folder: string) => Promise<number>): Promise<number | undefined> {
    try {
      return await freeBytesOf(folder)
    } catch (error) {
      this.#init.logger.debug('free space could not be asked for', { folder, error: describeError(error) })
      return undefined
    }
  }
}
