import type { BindingKey } from './binding-key.ts'
import type { OneTimeRecord } from './one-time-record.ts'

type Changed = ReadonlyMap<BindingKey, OneTimeRecord>

/** Whoever has to hear of records that change while it reads them all. Told in the tick in which they are decided over. */
export class RecordChanges {
  readonly #listeners = new Set<(changed: Changed) => void>()

  tell(changed: Changed): void {
    for (const listener of this.#listeners) listener(changed)
  }

  /** Until what is returned is called. A listener never throws. */
  listen(listener: (changed: Changed) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
