/** A map that forgets its oldest entry rather than grow: peers decide how often it is asked, never how large it gets. */
export class BoundedMap<K, V> {
  readonly #max: number
  readonly #onForget: (key: K, value: V) => void
  readonly #entries = new Map<K, V>()
  constructor(max: number, onForget: (key: K, value: V) => void = () => {}) {
    this.#max = max
    this.#onForget = onForget
  }
  get size(): number {
    return this.#entries.size
  }
  get(key: K): V | undefined {
    return this.#entries.get(key)
  }
  getOrMake(key: K, make: () => V): V {
    const known = this.#entries.get(key)
    if (known !== undefined) return known
    const made = make()
    this.set(key, made)
    return made
  }
  /** A key that is set again becomes the youngest. */
  set(key: K, value: V): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    const oldest = this.#entries.entries().next()
    if (this.#entries.size <= this.#max || oldest.done === true) return
    this.#entries.delete(oldest.value[0])
    this.#onForget(...oldest.value)
  }
  values(): Iterable<V> {
    return this.#entries.values()
  }
  delete(key: K): void {
    this.#entries.delete(key)
  }
  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.#entries[Symbol.iterator]()
  }
}
