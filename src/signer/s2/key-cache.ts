/** Its name, its place in the map and what the engine keeps of each array; generous. */
const ENTRY_BYTES = 320

/** Public keys by name, as many as fit in so many bytes; what was not asked for the longest goes first. */
export class KeyCache {
  readonly #maxBytes: number
  readonly #keys = new Map<string, Uint8Array>()
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  has(name: string): boolean {
    return this.#keys.has(name)
  }

  /** The caller's own copy. */
  get(name: string): Uint8Array | undefined {
    const key = this.#keys.get(name)
    if (key === undefined) return undefined
    this.#keys.delete(name)
    this.#keys.set(name, key)
    return key.slice()
  }

  set(name: string, key: Uint8Array): void {
    this.#forget(name)
    this.#keys.set(name, key.slice())
    this.#bytes += sizeOf(key)
    for (const oldest of this.#keys.keys()) {
      if (this.#bytes <= this.#maxBytes) return
      this.#forget(oldest)
    }
  }

  clear(): void {
    this.#keys.clear()
    this.#bytes = 0
  }

  #forget(name: string): void {
    const key = this.#keys.get(name)
    if (key === undefined) return
    this.#keys.delete(name)
    this.#bytes -= sizeOf(key)
  }
}

const sizeOf = (key: Uint8Array): number => key.length + ENTRY_BYTES
