import { BoundedMap, zeroize } from '../../base/index.ts'

/**
 * Secrets that are open, so many and no more: the one that was used longest ago is erased for a new one. A secret is only lent, to
 * code that doesn't wait. Nothing is ever computed with one that is erased: a promise calls back in order, so whoever asked for a secret
 * before it was closed has it before it is erased, and whoever asks afterwards has it opened anew.
 */
export class OpenSecrets {
  readonly #open: BoundedMap<string, Promise<Uint8Array>>
  readonly #erasing = new Set<Promise<void>>()

  constructor(max: number) {
    this.#open = new BoundedMap(max, (_ref, secret) => this.#erase(secret))
  }

  /** `open` is asked if it isn't here; what that rejects with is not remembered. `use` must not keep the secret. */
  async use<T>(ref: string, open: () => Promise<Uint8Array>, use: (secret: Uint8Array) => T): Promise<T> {
    const secret = this.#open.get(ref) ?? this.#remember(ref, open())
    // Set again, it is the youngest.
    this.#open.set(ref, secret)
    return use(await secret)
  }

  /** With `only`, if it is still that one. */
  forget(ref: string, only?: Promise<Uint8Array>): void {
    const secret = this.#open.get(ref)
    if (secret === undefined || (only !== undefined && secret !== only)) return
    this.#open.delete(ref)
    this.#erase(secret)
  }

  /** All of them are erased when it resolves. */
  async close(): Promise<void> {
    for (const [ref] of [...this.#open]) this.forget(ref)
    await Promise.all(this.#erasing)
  }

  #remember(ref: string, secret: Promise<Uint8Array>): Promise<Uint8Array> {
    secret.catch(() => this.forget(ref, secret))
    return secret
  }

  #erase(secret: Promise<Uint8Array>): void {
    const erased = secret.then(zeroize, () => {}).finally(() => this.#erasing.delete(erased))
    this.#erasing.add(erased)
  }
}
