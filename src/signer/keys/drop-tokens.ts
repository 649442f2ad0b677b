import { type Clock, equalBytes, LIMITS } from '../../base/index.ts'
import { randomBytes, sha256 } from '../../curve/index.ts'

const TOKEN_BYTES = 16

interface Pending {
  /** Of the token: comparing hashes tells nothing about the token in its time. */
  readonly hash: Uint8Array
  readonly untilMs: number
}

/** Second thoughts: one token for each key at a time, for ten minutes, in memory alone, so a restart forgets it. */
export class DropTokens {
  readonly #clock: Clock
  readonly #pending = new Map<string, Pending>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The one before it, if any, is worth nothing from now on. */
  issue(keyId: string): Uint8Array {
    const token = randomBytes(TOKEN_BYTES)
    const untilMs = this.#clock.monotonicMs() + LIMITS.keyDropTokenMs
    this.#pending.set(keyId, { hash: sha256(token), untilMs })
    return token
  }

  isPending(keyId: string): boolean {
    return this.#live(keyId) !== undefined
  }

  fits(keyId: string, token: Uint8Array): boolean {
    const pending = this.#live(keyId)
    return pending !== undefined && token.length === TOKEN_BYTES && equalBytes(pending.hash, sha256(token))
  }

  forget(keyId: string): void {
    this.#pending.delete(keyId)
  }

  clear(): void {
    this.#pending.clear()
  }

  #live(keyId: string): Pending | undefined {
    const pending = this.#pending.get(keyId)
    if (pending === undefined || this.#clock.monotonicMs() < pending.untilMs) return pending
    this.#pending.delete(keyId)
    return undefined
  }
}
