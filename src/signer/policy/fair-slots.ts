import type { Cancel, Clock, PublicKey } from '../../base/index.ts'

export interface FairSlotsInit {
  /** For all members at once. */
  readonly total: number
  /** Of those, for one. */
  readonly perMember: number
  /** Kept free for members that hold none. */
  readonly reserved: number
  /** Waiting of one member: more are turned away. */
  readonly waitingPerMember: number
  readonly maxWaitMs: number
  readonly clock: Clock
}
type End = (taken: boolean) => void

/**
 * Slots for members that can't be told from honest ones: each has its own short queue, and a free slot goes to who holds fewest,
 * and of those to who has waited longest. So however many ask without end, everybody has its turn.
 */
export class FairSlots {
  readonly #c: FairSlotsInit
  readonly #held = new Map<PublicKey, number>()
  /** In the order in which they came, or were served last. */
  readonly #waiting = new Map<PublicKey, Set<End>>()
  #free: number

  constructor(init: FairSlotsInit) {
    this.#c = init
    this.#free = init.total
  }

  /** Takes a slot if the member may have one now. */
  tryTake(member: PublicKey): boolean {
    if (!this.#mayTake(member)) return false
    this.#free--
    this.#held.set(member, this.#heldBy(member) + 1)
    return true
  }

  /** True when a slot is taken; false if too many of the member's wait already, or none came in time. */
  wait(member: PublicKey): Promise<boolean> {
    const own = this.#waiting.get(member) ?? new Set<End>()
    if (own.size >= this.#c.waitingPerMember) return Promise.resolve(false)
    this.#waiting.set(member, own)
    return new Promise((resolve) => {
      let cancel: Cancel = () => {}
      const end: End = (taken) => {
        own.delete(end)
        if (own.size === 0 && this.#waiting.get(member) === own) this.#waiting.delete(member)
        cancel()
        resolve(taken)
      }
      own.add(end)
      cancel = this.#c.clock.after(this.#c.maxWaitMs, () => end(false))
    })
  }

  give(member: PublicKey): void {
    this.#free++
    const left = this.#heldBy(member) - 1
    if (left > 0) this.#held.set(member, left)
    else this.#held.delete(member)
    for (let next = this.#next(); next !== undefined; next = this.#next()) this.#serve(next)
  }

  #mayTake(member: PublicKey): boolean {
    const { perMember, reserved } = this.#c
    const held = this.#heldBy(member)
    return held < perMember && this.#free > (held === 0 ? 0 : reserved)
  }

  #next(): PublicKey | undefined {
    const able = [...this.#waiting.keys()].filter((m) => this.#mayTake(m))
    const fewest = Math.min(...able.map((m) => this.#heldBy(m)))
    return able.find((m) => this.#heldBy(m) === fewest)
  }

  #serve(member: PublicKey): void {
    const own = this.#waiting.get(member)
    const [first] = own ?? []
    if (own === undefined || first === undefined || !this.tryTake(member)) return
    this.#waiting.delete(member)
    this.#waiting.set(member, own)
    first(true)
  }

  #heldBy(member: PublicKey): number {
    return this.#held.get(member) ?? 0
  }
}
