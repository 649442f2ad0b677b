import type { GroupKey, SetHash, Startable } from '../base/index.ts'
import type { SignerSet } from '../registry/index.ts'
import type { SignDriver } from '../rounds/index.ts'
import type { ActiveShare } from './active-key.ts'

export interface RecalledSigningInit {
  /** The share to sign with for a recalled set, while it may be used (R9). */
  readonly shareOf: (set: SignerSet) => ActiveShare | undefined
  /** A driver over the sign topic of whatever set `activeKey` names. */
  readonly open: (activeKey: () => ActiveShare | undefined) => SignDriver
}

interface Recalled {
  readonly set: SignerSet
  readonly driver: SignDriver
}

/** One sign driver for each recalled set (R8). Its rounds end and its topic is left with the recall. */
export class RecalledSigning implements Startable {
  readonly #c: RecalledSigningInit
  readonly #recalled = new Map<SetHash, Recalled>()

  constructor(init: RecalledSigningInit) {
    this.#c = init
  }

  async start(): Promise<void> {
    this.refresh()
  }
  async stop(): Promise<void> {
    const all = [...this.#recalled.values()]
    this.#recalled.clear()
    await Promise.all(all.map(({ driver }) => driver.stop()))
  }

  /** To be called after the gate knows these sets. */
  apply(sets: readonly SignerSet[]): void {
    const over = [...this.#recalled.values()].filter(({ set }) => !sets.some((s) => s.hash === set.hash))
    for (const { set, driver } of over) {
      this.#recalled.delete(set.hash)
      // It finds no key any more: its rounds stop, and its nonces are zeroed.
      driver.refresh()
    }
    for (const set of sets) if (!this.#recalled.has(set.hash)) this.#open(set)
    this.refresh()
  }

  /** What the gate admits may have changed (R5), or a certificate arrived (R21). */
  refresh(): void {
    for (const { driver } of this.#recalled.values()) driver.refresh()
  }

  share(groupKey: GroupKey): ActiveShare | undefined {
    const found = this.#find(groupKey)
    return found && this.#c.shareOf(found.set)
  }
  driver(groupKey: GroupKey): SignDriver | undefined {
    return this.#find(groupKey)?.driver
  }

  #open(set: SignerSet): void {
    const activeKey = () => (this.#recalled.has(set.hash) ? this.#c.shareOf(set) : undefined)
    this.#recalled.set(set.hash, { set, driver: this.#c.open(activeKey) })
  }

  #find(groupKey: GroupKey): Recalled | undefined {
    return [...this.#recalled.values()].find(({ set }) => set.groupKey === groupKey)
  }
}
