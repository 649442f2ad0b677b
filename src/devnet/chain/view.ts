import type { ClarityAbi } from '@stacks/transactions'
import type { Outcome } from '../../base/index.ts'
import type { Block } from './block.ts'
import { type Account, accountIn } from './ledger.ts'
import type { VmCall } from './vm-protocol.ts'

export interface Deployed {
  readonly source: string
  readonly abi: ClarityAbi
}
/** Why a transaction was not taken, as the HTTP answer wants it. */
export type SubmitFailure =
  | { readonly kind: 'unreadable'; readonly message: string }
  | { readonly kind: 'rejected'; readonly body: Readonly<Record<string, unknown>> }
export type SubmitResult = { readonly txid: string } | SubmitFailure

/** What the HTTP faces need of the chain. */
export interface ChainCore {
  readonly chainId: number
  /** Lowest first, without a gap; the first has height 1. */
  readonly chain: readonly Block[]
  contract(id: string): Deployed | undefined
  variable(block: Block, contract: string, name: string): string | undefined
  /** Runs a read-only function on the state after `block`. The reason is the VM's sentence. */
  read(block: Block, call: VmCall): Promise<Outcome<string>>
  submit(bytes: Uint8Array): Promise<SubmitResult>
}

/** The chain up to some block: the newest, or an older one for a face that lags behind. */
export class ChainView {
  readonly core: ChainCore
  readonly #lag: number
  constructor(core: ChainCore, lagBlocks: number) {
    this.core = core
    this.#lag = lagBlocks
  }

  get tip(): Block {
    const { chain } = this.core
    const block = chain[Math.max(chain.length - 1 - this.#lag, 0)]
    if (block === undefined) throw new Error('the chain has no block')
    return block
  }

  find(match: (block: Block) => boolean): Block | undefined {
    const { height } = this.tip
    return this.core.chain.findLast((block) => block.height <= height && match(block))
  }

  /**
   * The block that `tip=` means. Left out, `latest` and anything malformed mean the newest: a Stacks node says nothing
   * about a tip that it can't parse (incident 39). undefined: well-formed, but no block of this chain.
   */
  resolve(tip: string | null): Block | undefined {
    if (tip === null || !/^[0-9a-fA-F]{64}$/.test(tip)) return this.tip
    const id = tip.toLowerCase()
    return this.find((block) => block.indexBlockHash === id)
  }

  account(block: Block, address: string): Account {
    return accountIn(block.ledger, address)
  }
}
