import { BoundedMap, LIMITS, type PublicKey } from '../../base/index.ts'
import type { SignEffect } from './types.ts'

export interface AllowanceInit {
  /** Names its timers: one allowance, one name. */
  readonly name: string
  readonly burst: number
  /** Restored each `everyMs`. */
  readonly refill: number
  readonly everyMs: number
}
interface Account {
  left: number
  isArmed: boolean
}
type Effects = readonly SignEffect[]

/**
 * What one member may cause here of a work that honest ones cause seldom. The machines have no clock, so timers restore it;
 * nothing is armed while nobody has taken anything.
 */
export class Allowance {
  readonly #c: AllowanceInit
  readonly #accounts = new BoundedMap<PublicKey, Account>(4 * LIMITS.maxSigners)

  constructor(init: AllowanceInit) {
    this.#c = init
  }

  holds(member: PublicKey): boolean {
    return (this.#accounts.get(member)?.left ?? this.#c.burst) > 0
  }

  /** May go below nothing, by one message. */
  take(member: PublicKey, cost: number): Effects {
    const account = this.#accounts.getOrMake(member, () => ({ left: this.#c.burst, isArmed: false }))
    account.left -= cost
    if (account.isArmed) return []
    account.isArmed = true
    return [this.#arm(member)]
  }

  /** It was not that work after all. */
  giveBack(member: PublicKey, cost: number): void {
    const account = this.#accounts.get(member)
    if (account !== undefined) account.left = Math.min(this.#c.burst, account.left + cost)
  }

  /** undefined: not a timer of this allowance. */
  timer(id: string): Effects | undefined {
    if (!id.startsWith(`${this.#c.name}/`)) return undefined
    for (const [member, account] of this.#accounts) {
      if (id !== this.#idOf(member)) continue
      account.left = Math.min(this.#c.burst, account.left + this.#c.refill)
      account.isArmed = account.left < this.#c.burst
      return account.isArmed ? [this.#arm(member)] : []
    }
    return []
  }

  clear(): Effects {
    const armed = [...this.#accounts].filter(([, { isArmed }]) => isArmed)
    for (const [member] of [...this.#accounts]) this.#accounts.delete(member)
    return armed.map(([member]) => ({ kind: 'disarm', id: this.#idOf(member) }))
  }

  #idOf(member: PublicKey): string {
    return `${this.#c.name}/${member}`
  }
  #arm(member: PublicKey): SignEffect {
    return { kind: 'arm', id: this.#idOf(member), afterMs: this.#c.everyMs }
  }
}
