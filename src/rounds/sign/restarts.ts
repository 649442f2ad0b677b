import { BoundedMap, LIMITS, type PublicKey } from '../../base/index.ts'
import type { SignEffect } from './types.ts'

interface Process {
  /** That this node acts upon. */
  boot: number
  /** Heard since. */
  latest: number
  /** Its boot number has changed just now. */
  isResting: boolean
}
type Effects = readonly SignEffect[]

const idOf = (member: PublicKey): string => `restart/${member}`

/**
 * Which process of each member this node acts for. A restarted member is met at once, and given fresh pairs (R25); one that
 * says so again and again would have this node do nothing else, so its next change waits for a while.
 */
export class Restarts {
  readonly #processes = new BoundedMap<PublicKey, Process>(4 * LIMITS.maxSigners)

  /** `isNew`: the member is another process than before, and now is the time to act upon it. */
  heard(member: PublicKey, boot: number): { readonly isNew: boolean; readonly effects: Effects } {
    const known = this.#processes.get(member)
    if (known === undefined) this.#processes.set(member, { boot, latest: boot, isResting: false })
    if (known === undefined || boot <= known.latest) return OLD
    known.latest = boot
    return known.isResting ? OLD : { isNew: true, effects: [this.#change(member, known)] }
  }

  /** undefined: never heard. */
  bootOf(member: PublicKey): number | undefined {
    return this.#processes.get(member)?.boot
  }

  /** Is this the process that this node acts for? Pairs are neither made for another one nor taken of it. */
  isCurrent(member: PublicKey, boot: number): boolean {
    return this.#processes.get(member)?.boot === boot
  }

  /** A rest is over: the boot number that was heard meanwhile is acted upon now. undefined: no timer of this. */
  timer(id: string): { readonly restarted: PublicKey | undefined; readonly effects: Effects } | undefined {
    for (const [member, known] of this.#processes) {
      if (id !== idOf(member)) continue
      known.isResting = false
      if (known.latest <= known.boot) return { restarted: undefined, effects: [] }
      return { restarted: member, effects: [this.#change(member, known)] }
    }
    return undefined
  }

  /** Who is which process stays known; nobody rests any more. */
  clear(): Effects {
    const resting = [...this.#processes].filter(([, p]) => p.isResting)
    for (const [, process] of resting) process.isResting = false
    return resting.map(([member]) => ({ kind: 'disarm', id: idOf(member) }))
  }

  #change(member: PublicKey, process: Process): SignEffect {
    process.boot = process.latest
    process.isResting = true
    return { kind: 'arm', id: idOf(member), afterMs: LIMITS.restartRestMs }
  }
}

const OLD = { isNew: false, effects: [] } as const
