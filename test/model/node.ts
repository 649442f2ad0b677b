import type { Block } from './chain.ts'
import { type Applied, type Endpoints, type Permitted, permittedReadings, type Rules } from './readings.ts'
import type { ModelConfig, ModelFacts, ModelPending, ModelSet } from './rules.ts'

/** The model of one node's memory: what it applied, what is on its disk, what its operator said. */

export interface Remembered extends Applied {
  readonly readAtMs: number
}
/** R7: named by its parent too, and gone with it. `parent`: the name of a set, or `blank`. */
export interface Approval extends ModelPending {
  readonly parent: string
}

export interface ModelNodeInit {
  readonly rules: Rules
  readonly maxAgeMs: number
  readonly self: string
  readonly setOf: (state: string) => ModelSet
}

export class ModelNode {
  readonly #c: ModelNodeInit
  config: ModelConfig
  applied: Remembered | undefined
  /** The last good set, on disk. What the registry answers while it is blank is never stored (R6). */
  stored: Remembered | undefined
  pending: Approval | undefined
  recalled: readonly ModelSet[] = []
  #selfRemoved = false
  /** On disk. */
  #wasEverMember = false

  constructor(init: ModelNodeInit, config: ModelConfig) {
    this.#c = init
    this.config = config
  }

  /** The set that is applied; a blank registry has none. */
  get set(): ModelSet | undefined {
    return this.#setAt(this.applied?.block)
  }

  /** R5; a reading from the future is as bad as an old one. No reading at all is not old, it is none. */
  isStale(nowMs: number): boolean {
    return this.applied !== undefined && Math.abs(nowMs - this.applied.readAtMs) > this.#c.maxAgeMs
  }

  permitted(endpoints: Endpoints, blocks: readonly Block[]): Permitted {
    return permittedReadings(this.#c.rules, endpoints, blocks, this.applied, this.set !== undefined)
  }

  apply(reading: Remembered): void {
    const before = this.set
    this.applied = reading
    const after = this.set
    if (after !== undefined) this.stored = reading
    if (after?.name === before?.name) return
    const was = before?.keys.includes(this.#c.self) ?? false
    const is = after?.keys.includes(this.#c.self) ?? false
    this.#selfRemoved = !is && (was || this.#selfRemoved || (after !== undefined && this.#wasEverMember))
    this.#wasEverMember ||= is
    // R7: approvals die with the parent set.
    this.pending = undefined
  }

  /**
   * A new process: memory is gone, the disk stays, and the operator's approvals are taken up again where they still hold.
   * A6 Which sets it saw is on disk: a process outside the set is of a removed node if its key was in one of them.
   */
  restart(config: ModelConfig): void {
    const { pending, recalled } = this
    this.config = config
    this.applied = undefined
    this.pending = undefined
    this.recalled = []
    if (this.stored !== undefined) this.applied = this.stored
    const set = this.set
    this.#selfRemoved = set !== undefined && this.#wasEverMember && !set.keys.includes(this.#c.self)
    if (this.applied === undefined) return
    if (pending?.parent === this.set?.name) this.pending = pending
    this.recalled = recalled
  }

  facts(nowMs: number): ModelFacts {
    return {
      ...this.config,
      self: this.#c.self,
      set: this.set,
      stale: this.isStale(nowMs),
      selfRemoved: this.#selfRemoved,
      pending: this.pending,
      recalled: this.recalled,
    }
  }

  #setAt(block: Block | undefined): ModelSet | undefined {
    return block === undefined || !this.#c.rules.isSet(block.state) ? undefined : this.#c.setOf(block.state)
  }
}
