import { realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { silentLogger } from '../../base/index.ts'
import { ensurePrivateFolder, openStore, type Store, StoreError } from '../../store/index.ts'
import { S2StateError } from './errors.ts'

/** Beside the instance file: a folder that holds nothing but its lock. */
export const LOCK_SUFFIX = '.lock'

/**
 * One process per instance file: a copy of the data folder beside the first would be proven by the same file (R32). What is locked is an
 * empty store, because its lock is the kernel's: it is gone when the process is, however it died, so none is ever left behind, no number
 * of a process is guessed at, and two containers that share the folder see it too.
 */
export class InstanceLock {
  readonly #store: Store

  private constructor(store: Store) {
    this.#store = store
  }

  /** Throws `S2_INSTANCE_IN_USE`, and what a folder that can't be made throws. */
  static async take(instanceFile: string): Promise<InstanceLock> {
    await ensurePrivateFolder(dirname(instanceFile))
    // By its true name: a link must not be a second lock.
    const folder = await realpath(dirname(instanceFile))
    const path = join(folder, basename(instanceFile))
    const dir = `${path}${LOCK_SUFFIX}`
    const store = openStore({ dir, logger: silentLogger })
    try {
      await store.start()
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      const isLocked = error.code === 'STORE_LOCKED'
      throw new S2StateError(
        'S2_INSTANCE_IN_USE',
        isLocked
          ? `the instance file ${instanceFile} is in use by another process: one seed has one active server; stop the other one for good, or give this one an instance file of its own`
          : `the lock of the instance file can't be taken; make sure that no other process uses it, then remove ${dir}`,
        { path: instanceFile },
        { cause: error },
      )
    }
    return new InstanceLock(store)
  }

  release(): Promise<void> {
    return this.#store.stop()
  }
}
