import type { Cancel, Clock, PeerIdStr } from '../base/index.ts'

/** A message with its signature costs about two milliseconds on the slow curve backend, a fifth of one on the fast. */
const PER_TURN = 4
/** The shortest that a timer can be. */
const TURN_MS = 1
/** Half a second of work on the slow backend: whoever has more of it waiting is not read for a while. */
const MANY = 256
/**
 * An author's whole burst, and some of others. It is also how long one peer's junk can hold back an honest message behind it,
 * of which the library takes no other copy.
 */
const MOST = 512

/**
 * Messages that came in one read are one piece of work for the library: no timer fires and no other peer is heard before the
 * last of them is checked. So only a few are checked at once, one of each forwarder in turn, and everything else in between
 * (incident 7).
 */
export class Turns {
  readonly #clock: Clock
  readonly #tooMany: (forwarder: PeerIdStr) => void
  readonly #waiting = new Map<PeerIdStr, ((isOn: boolean) => void)[]>()
  #left = PER_TURN
  #timer: Cancel | undefined
  #isStopped = false

  constructor(clock: Clock, tooMany: (forwarder: PeerIdStr) => void) {
    this.#clock = clock
    this.#tooMany = tooMany
  }

  /** May another message of this forwarder come in, beside those of the same frame, which don't wait here yet? */
  hasRoom(forwarder: PeerIdStr, takenOfFrame: number): boolean {
    return (this.#waiting.get(forwarder)?.length ?? 0) + takenOfFrame < MOST
  }

  /** Resolves with true when a message of this forwarder may be checked, with false if none is checked any more. */
  async next(forwarder: PeerIdStr): Promise<boolean> {
    if (this.#isStopped) return false
    this.#later()
    if (this.#left > 0 && this.#waiting.size === 0) {
      this.#left--
      return true
    }
    const queue = this.#waiting.get(forwarder) ?? []
    const mine = Promise.withResolvers<boolean>()
    queue.push(mine.resolve)
    this.#waiting.set(forwarder, queue)
    if (queue.length >= MANY) this.#tooMany(forwarder)
    return await mine.promise
  }

  /** For good. Who waits is told so: a backlog checked at once would stop the loop, for a node that hears no more. */
  stop(): void {
    this.#isStopped = true
    this.#timer?.()
    this.#timer = undefined
    for (const queue of this.#waiting.values()) for (const tell of queue) tell(false)
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
    queue.shift()?.(true)
    this.#waiting.delete(forwarder)
    if (queue.length > 0) this.#waiting.set(forwarder, queue)
  }
}
