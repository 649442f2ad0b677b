/** A map that forgets its oldest entry rather than grow: peers decide how often it is asked, never how large it gets. */
export class BoundedMap<K, V> {
  readonly #max: number
  readonly #entries = new Map<K, V>()
  constructor(max: number) {
    this.#max = max
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
  set(key: K, value: V): void {
    this.#entries.set(key, value)
    if (this.#entries.size <= this.#max) return
    const [oldest] = this.#entries.keys()
    if (oldest !== undefined) this.#entries.delete(oldest)
  }
  delete(key: K): void {
    this.#entries.delete(key)
  }
}
