import type { Space } from '../../../../src/store/index.ts'

/** A data folder in memory, that can be copied and put back. */
export class MemoryDisk {
  readonly #spaces: Map<string, Map<string, Uint8Array>>
  /** Of a process that was killed: it writes nothing any more. */
  #isDead = false

  constructor(spaces = new Map<string, Map<string, Uint8Array>>()) {
    this.#spaces = spaces
  }

  copy(): MemoryDisk {
    return new MemoryDisk(new Map([...this.#spaces].map(([name, entries]) => [name, new Map(entries)])))
  }

  kill(): void {
    this.#isDead = true
  }

  space(name: string): Space {
    const entries = this.#spaces.get(name) ?? new Map<string, Uint8Array>()
    this.#spaces.set(name, entries)
    const sorted = () => [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1))
    const write = async (work: () => void) => {
      if (this.#isDead) throw new Error('killed')
      work()
    }
    return {
      get: async (key) => entries.get(key),
      getMany: async (keys) => keys.map((key) => entries.get(key)),
      put: (key, value) => write(() => void entries.set(key, value.slice())),
      delete: (key) => write(() => void entries.delete(key)),
      entries: async () => sorted(),
      page: async (after, limit) =>
        sorted()
          .filter(([key]) => key > after)
          .slice(0, limit),
    }
  }
}
