import { BoundedMap, zeroize } from '../../base/index.ts'

/**
 * Secrets that are open, so many and no more: the one that was used longest ago is erased for a new one. A secret is only lent, to
 * code that doesn't wait, and erased when nobody has it any more: nothing is ever computed with one that is half erased.
 */
export class OpenSecrets {
  readonly #lent: BoundedMap<string, LentSecret>
  readonly #closing = new Set<LentSecret>()

  constructor(max: number) {
    this.#lent = new BoundedMap(max, (_ref, lent) => this.#close(lent))
  }

  /** `open` is asked if it isn't here; what that rejects with is not remembered. `use` must not keep the secret. */
  async use<T>(ref: string, open: () => Promise<Uint8Array>, use: (secret: Uint8Array) => T): Promise<T> {
    const lent = this.#lent.get(ref) ?? new LentSecret(open())
    // Set again, it is the youngest.
    this.#lent.set(ref, lent)
    lent.users++
    // An opening that failed must not be the answer for ever.
    lent.secret.catch(() => this.forget(ref, lent))
    try {
      return use(await lent.secret)
    } finally {
      lent.users--
      this.#eraseUnused(lent)
    }
  }

  /** Erased as soon as nobody has it. With `only`, if it is still that one. */
  forget(ref: string, only?: LentSecret): void {
    const lent = this.#lent.get(ref)
    if (lent === undefined || (only !== undefined && lent !== only)) return
    this.#lent.delete(ref)
    this.#close(lent)
  }

  /** All of them are erased when it resolves. */
  async close(): Promise<void> {
    for (const [ref] of [...this.#lent]) this.forget(ref)
    await Promise.allSettled([...this.#closing].map((lent) => lent.erased.promise))
  }

  #close(lent: LentSecret): void {
    lent.isClosed = true
    this.#closing.add(lent)
    this.#eraseUnused(lent)
  }

  #eraseUnused(lent: LentSecret): void {
    if (!lent.isClosed || lent.users > 0) return
    const done = () => {
      this.#closing.delete(lent)
      lent.erased.resolve()
    }
    lent.secret.then((secret) => {
      zeroize(secret)
      done()
    }, done)
  }
}

class LentSecret {
  readonly secret: Promise<Uint8Array>
  readonly erased = Promise.withResolvers<void>()
  users = 0
  isClosed = false
  constructor(secret: Promise<Uint8Array>) {
    this.secret = secret
    // Whoever uses it hears of a failure; until then it is nobody's.
    secret.catch(() => {})
  }
}
