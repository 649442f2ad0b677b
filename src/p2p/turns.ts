import type { Cancel, Clock, PeerIdStr } from '../base/index.ts'

/** A message with its signature costs about two milliseconds. */
const PER_TURN = 4
/** The shortest that a timer can be. */
const TURN_MS = 1
/** Half a second of work: whoever has more of it waiting is not read for a while. */
const MANY = 256
/** What is in a paused stream's window may still come: 256 KiB of messages of 300 bytes. */
const MOST = 1_024

/**
 * Messages that came in one read are one piece of work for the library: no timer fires and no other peer is heard before the
 * last of them is checked. So only a few are checked at once, one of each forwarder in turn, and everything else in between
 * (incident 7).
 */
export class Turns {
  readonly #clock: Clock
  readonly #tooMany: (forwarder: PeerIdStr) => void
  readonly #waiting = new Map<PeerIdStr, (() => void)[]>()
  #left = PER_TURN
  #timer: Cancel | undefined

  constructor(clock: Clock, tooMany: (forwarder: PeerIdStr) => void) {
    this.#clock = clock
    this.#tooMany = tooMany
  }

  /** May another message of this forwarder come in? One frame may go beyond the bound, which its bucket pays for (R13). */
  hasRoom(forwarder: PeerIdStr): boolean {
    return (this.#waiting.get(forwarder)?.length ?? 0) < MOST
  }

  /** Resolves when a message of this forwarder may be checked. */
  async next(forwarder: PeerIdStr): Promise<void> {
    this.#later()
    if (this.#left > 0 && this.#waiting.size === 0) {
      this.#left--
      return
    }
    const queue = this.#waiting.get(forwarder) ?? []
    const mine = Promise.withResolvers<void>()
    queue.push(mine.resolve)
    this.#waiting.set(forwarder, queue)
    if (queue.length >= MANY) this.#tooMany(forwarder)
    await mine.promise
  }

  /** Nobody waits any longer; who waited goes on. */
  stop(): void {
    this.#timer?.()
    this.#timer = undefined
    for (const queue of this.#waiting.values()) for (const go of queue) go()
    this.#waiting.clear()
  }

  #later(): void {
    this.#timer ??= this.#clock.after(TURN_MS, () => {
      this.#timer = undefined
      this.#left = PER_TURN
      while (this.#left > 0 && this.#waiting.size > 0) this.#goOn()
      if (this.#left < PER_TURN) this.#later()
    })
  }

  /** The first of whoever has waited longest for a turn. */
  #goOn(): void {
    const [first] = this.#waiting
    if (first === undefined) return
    const [forwarder, queue] = first
    this.#left--
    queue.shift()?.()
    this.#waiting.delete(forwarder)
    if (queue.length > 0) this.#waiting.set(forwarder, queue)
  }
}
