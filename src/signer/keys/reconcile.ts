import { describeError, type Logger } from '../../base/index.ts'
import type { KeyBackend, KeyHandle } from './backend.ts'
import { type KeyBook, type KeyEntry, newest } from './key-book.ts'

export interface ReconcileInit {
  readonly book: KeyBook
  readonly logger: Logger
  readonly ask: <T>(what: string, work: (backend: KeyBackend) => Promise<T>) => Promise<T>
  /** Of a version that is listed and can't be used. */
  readonly report: (handle: KeyHandle, why: string) => void
}

/**
 * Brings the list and what the backend holds together again, at a start.
 *
 * A key that is listed and whose secret is gone is told of, and the others go on. A secret that nobody lists is left where it is and
 * told of: a crash leaves one that no client was ever told of, and a lost list leaves them all. It is not taken in: whoever can write
 * into the folder could have sealed it to this node. What was being dropped is erased to its end.
 */
export async function reconcile(init: ReconcileInit): Promise<void> {
  const { book, logger, ask, report } = init
  for (const entry of book.dropped()) await finishDrop(init, entry)
  const held = new Set(await ask('looking for the keys', (b) => b.refs()))
  for (const entry of book.all()) {
    const last = newest(entry)
    for (const handle of entry.versions) {
      if (!held.delete(handle.ref)) report(handle, 'its secret is gone; restore it, or rotate the key')
      // Older versions are looked at when they are asked for: a start shall not open hundreds of files.
      else if (handle === last)
        await ask('checking a key', (b) => b.check(handle)).catch((error: unknown) => report(handle, messageOf(error)))
    }
  }
  for (const ref of held)
    logger.warn('a secret is listed nowhere and is left alone: a crash left it, or the list is not what it was', {
      ref,
    })
}

async function finishDrop({ book, logger, ask }: ReconcileInit, entry: KeyEntry): Promise<void> {
  const key = newest(entry).name
  try {
    for (const handle of entry.versions) await ask('erasing a key', (b) => b.destroy(handle.ref))
    await book.forget(entry)
    logger.warn('the drop of a key was finished', { key })
  } catch (error) {
    logger.error('a dropped key could not be erased; the next start tries again', { key, error: describeError(error) })
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : describeError(error))
