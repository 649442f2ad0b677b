/** The chain as it is: a tree of blocks, and the history of what a Stacks node in sync saw of it. Pure data. */

export interface Block {
  /** Counts up in the order of mining; names the block. */
  readonly n: number
  readonly parent: Block | undefined
  readonly stacksHeight: number
  /** Height of the Bitcoin block that its tenure began on. */
  readonly burnHeight: number
  /** The first block of its tenure: mined right on that Bitcoin block. */
  readonly isFirst: boolean
  /** Name of what the registry holds after this block (`universe.ts`). */
  readonly state: string
}

/** What a node in sync shows at one moment. */
export interface View {
  readonly tip: Block
  /** Bitcoin height that it has reached. */
  readonly reached: number
  /** Blocks mined until then: a node knows dropped ones too. */
  readonly known: number
}

/** `tenure`: a Bitcoin block and a Stacks block on it. `extend`: one more Stacks block. `empty`: a Bitcoin block that elects nobody. */
export type Step = 'tenure' | 'extend' | 'empty'

const FIRST_BURN = 100

export class Chain {
  readonly blocks: Block[] = []
  readonly history: View[] = []

  constructor(state: string) {
    const tip = this.#add(undefined, FIRST_BURN, true, state)
    this.#show(tip, FIRST_BURN)
    for (let i = 0; i < 3; i++) this.mine('tenure')
  }

  get now(): View {
    const view = this.history.at(-1)
    if (view === undefined) throw new Error('a chain has a first block')
    return view
  }

  /** `state`: what a Stacks block of this step changes the registry to. */
  mine(step: Step, state?: string): void {
    const { tip, reached } = this.now
    if (step === 'empty') this.#show(tip, reached + 1)
    else if (step === 'extend') this.#show(this.#add(tip, tip.burnHeight, false, state ?? tip.state), reached)
    else this.#show(this.#add(tip, reached + 1, true, state ?? tip.state), reached + 1)
  }

  /** Bitcoin drops `depth` blocks, and with them whatever was mined since the first of them; a longer branch takes their place. */
  reorg(depth: number, steps: readonly Step[], state?: string): void {
    const base = Math.max(FIRST_BURN, this.now.reached - depth)
    const fork = this.history.findLast((v) => v.reached <= base && ancestors(this.now.tip).includes(v.tip))
    if (fork === undefined) return
    let { tip } = fork
    let reached = base
    let next = state
    // The new branch is longer than the old one, or nobody would follow it.
    for (let i = 0; reached <= this.now.reached; i++) {
      reached++
      if (steps[i % Math.max(1, steps.length)] === 'empty') continue
      tip = this.#add(tip, reached, true, next ?? tip.state)
      next = undefined
    }
    this.#show(tip, reached)
  }

  #add(parent: Block | undefined, burnHeight: number, isFirst: boolean, state: string): Block {
    const stacksHeight = (parent?.stacksHeight ?? 0) + 1
    const block = { n: this.blocks.length, parent, stacksHeight, burnHeight, isFirst, state }
    this.blocks.push(block)
    return block
  }
  #show(tip: Block, reached: number): void {
    this.history.push({ tip, reached, known: this.blocks.length })
  }
}

/** The block and everything below it, newest first. */
export function ancestors(tip: Block): Block[] {
  const list: Block[] = []
  for (let b: Block | undefined = tip; b !== undefined; b = b.parent) list.push(b)
  return list
}

/** The Stacks blocks of the tenure of a Bitcoin height, newest first. */
export const tenureOf = (view: View, burn: number): Block[] =>
  burn > view.reached ? [] : ancestors(view.tip).filter((b) => b.burnHeight === burn)
