import { type Clock, LIMITS, type PublicKey } from '../../base/index.ts'
import { MAX_DOUBLE_VOICE_BYTES, MAX_DOUBLE_VOICES } from './beat.ts'

/** A doubled key is told of for this long after it was last heard twice: a few beats, so that both its nodes hear one. */
const TELL_MS = 3 * LIMITS.heartbeatMs

/**
 * R17: two nodes of one key seldom hear each other, since nobody forwards a peer's words back to its PeerID. A member that
 * hears both puts the proof, the envelopes of both, into its own beats, where the two can't miss it.
 */
export class DoubleVoices {
  readonly #clock: Clock
  readonly #latest = new Map<PublicKey, Uint8Array>()
  readonly #doubled = new Map<PublicKey, { readonly wire: Uint8Array; readonly atMs: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Forgets who is no member any more. */
  keep(members: readonly PublicKey[]): void {
    for (const map of [this.#latest, this.#doubled])
      for (const key of map.keys()) if (!members.includes(key)) map.delete(key)
  }

  /** The latest beat of a member's newer boot. */
  heard(author: PublicKey, wire: Uint8Array): void {
    if (wire.length <= MAX_DOUBLE_VOICE_BYTES) this.#latest.set(author, wire)
  }

  /** A verified envelope of an older boot, said after the newer one began. True if this key was not known to be doubled. */
  older(author: PublicKey, wire: Uint8Array): boolean {
    if (wire.length > MAX_DOUBLE_VOICE_BYTES || !this.#latest.has(author)) return false
    const isNew = !this.#isTold(author)
    this.#doubled.set(author, { wire, atMs: this.#clock.monotonicMs() })
    return isNew
  }

  /** Members whose key was heard twice lately. */
  told(): readonly PublicKey[] {
    return [...this.#doubled.keys()].filter((key) => this.#isTold(key))
  }

  /** Envelopes for the next beat. */
  proofs(): readonly Uint8Array[] {
    const told = [...this.#doubled].filter(([key]) => this.#isTold(key))
    return told.flatMap(([key, { wire }]) => [wire, this.#latest.get(key) ?? wire]).slice(0, MAX_DOUBLE_VOICES)
  }

  #isTold(key: PublicKey): boolean {
    const at = this.#doubled.get(key)?.atMs
    return at !== undefined && this.#clock.monotonicMs() - at <= TELL_MS
  }
}
