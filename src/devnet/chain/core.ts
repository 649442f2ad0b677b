import { accept, type Clock, CodedError, type Outcome, refuse } from '../../base/index.ts'
import { checkState } from './admission.ts'
import { type Block, type BurnBlock, type MinedTx, nextBlock, nextBurnBlock } from './block.ts'
import { executeWaiting } from './execute.ts'
import { VariableHistory } from './history.ts'
import { accountIn, credited, type Ledger } from './ledger.ts'
import { Mempool } from './mempool.ts'
import { type OpenedVm, openVm, recordVariables, replay, type VmInit } from './opened-vm.ts'
import { checkStatic, type ParsedTx, parseTx } from './parse-tx.ts'
import { type Rejection, rejectionJson } from './rejection.ts'
import { Serial } from './serial.ts'
import type { TxView } from './types.ts'
import type { ChainCore, Deployed, SubmitResult } from './view.ts'
import type { VmCall } from './vm-protocol.ts'

export interface CoreInit extends VmInit {
  readonly chainId: number
  readonly stacksPerBurnBlock: number
  readonly genesis: readonly (readonly [string, bigint])[]
  readonly clock: Clock
}

/** Blocks, accounts, mempool and contract state of the chain. Only `chain` grows; a block never changes. */
export class Core implements ChainCore {
  readonly chainId: number
  readonly #init: CoreInit
  readonly #serial = new Serial()
  readonly #pool = new Mempool()
  #opened: OpenedVm
  #chain: Block[] = []
  #history = new VariableHistory()
  #mined = new Map<string, { readonly height: number; readonly tx: MinedTx }>()
  #credits: (readonly [string, bigint])[] = []
  #fork = 0

  private constructor(init: CoreInit, opened: OpenedVm) {
    this.chainId = init.chainId
    this.#init = init
    this.#opened = opened
  }

  /** The chain with its first block, in which the contracts were deployed. */
  static async open(init: CoreInit): Promise<Core> {
    const opened = await openVm(init)
    const core = new Core(init, opened)
    try {
      const { heights } = opened
      const ledger = credited(new Map(), init.genesis)
      const burn = core.#newBurn(undefined, heights.burnHeight)
      core.#append(core.#block(undefined, burn, [], init.genesis, ledger, heights.height))
      await recordVariables(core.#history, opened, 1)
      return core
    } catch (error) {
      await opened.vm.close()
      throw error
    }
  }

  get chain(): readonly Block[] {
    return this.#chain
  }
  get tip(): Block {
    const block = this.#chain.at(-1)
    if (block === undefined) throw new Error('the chain has no block')
    return block
  }

  contract(id: string): Deployed | undefined {
    return this.#opened.deployed.get(id)
  }

  variable(block: Block, contract: string, name: string): string | undefined {
    return this.#history.at(block.height, contract, name)
  }

  read(block: Block, call: VmCall): Promise<Outcome<string>> {
    return this.#serial.run(async () => {
      // It may have been dropped while this call waited.
      if (this.#chain[block.height - 1] !== block) return refuse('the block is gone')
      const at = block === this.tip ? {} : { at: block.vmHeight }
      const answer = await this.#opened.vm.request<'read'>({ kind: 'read', call, ...at })
      return 'error' in answer ? refuse(answer.error) : accept(answer.result)
    })
  }

  async submit(bytes: Uint8Array): Promise<SubmitResult> {
    let parsed: ParsedTx
    try {
      parsed = parseTx(bytes)
    } catch (error) {
      return { kind: 'unreadable', message: error instanceof Error ? error.message : String(error) }
    }
    const { txid } = parsed
    // Already waiting or mined: a node answers with its id, and does nothing.
    if (this.transaction(txid) !== undefined) return { txid }
    const rejection = this.#admit(parsed)
    return rejection === undefined ? { txid } : { kind: 'rejected', body: rejectionJson(txid, rejection) }
  }

  transaction(txid: string): TxView | undefined {
    const known = this.#mined.get(txid)
    if (known !== undefined) return { txid, status: known.tx.status, height: known.height, result: known.tx.result }
    return this.#pool.has(txid) ? { txid, status: 'pending' } : undefined
  }

  fund(address: string, ustx: bigint): void {
    this.#credits.push([address, ustx])
  }

  /** One more block, with what waits in the mempool. */
  mine(): Promise<Block> {
    return this.#serial.run(async () => {
      const { vm } = this.#opened
      const parent = this.tip
      const newBurn = this.#chain.length % this.#init.stacksPerBurnBlock === 0
      const heights = await vm.request<'advance'>({ kind: 'advance', burn: newBurn })
      const burn = newBurn ? this.#newBurn(parent.burn, heights.burnHeight) : parent.burn
      const credits = this.#credits.splice(0)
      const before = credited(parent.ledger, credits)
      const { mined, ledger, vmHeight } = await executeWaiting(vm, before, this.#pool.waiting(), heights.height)
      const block = this.#block(parent, burn, mined, credits, ledger, vmHeight)
      if (mined.length > 0) await recordVariables(this.#history, this.#opened, block.height)
      this.#append(block)
      return block
    })
  }

  /** Throws `BAD_REORG_DEPTH`. The VM can't go back, so a new one executes the kept blocks again. */
  reorg(depth: number, requeue: boolean): Promise<Block> {
    return this.#serial.run(async () => {
      const kept = this.#chain.slice(0, -depth)
      if (!Number.isInteger(depth) || depth < 1 || kept.length === 0)
        throw new CodedError('BAD_REORG_DEPTH', `the chain has ${this.#chain.length} blocks, the first stays`, {
          depth,
        })
      const dropped = this.#chain.slice(-depth)
      const opened = await openVm(this.#init)
      const history = new VariableHistory()
      try {
        await replay(opened, history, kept)
      } catch (error) {
        await opened.vm.close()
        throw error
      }
      const old = this.#opened.vm
      this.#opened = opened
      this.#history = history
      this.#chain = kept
      this.#fork++
      for (const tx of dropped.flatMap((block) => block.mined)) {
        this.#mined.delete(tx.tx.txid)
        if (requeue) this.#pool.add(tx.tx)
      }
      await old.close()
      return this.tip
    })
  }

  async close(): Promise<void> {
    await this.#opened.vm.close()
  }

  #admit(parsed: ParsedTx): Rejection | undefined {
    const { chainId } = this
    const tx = checkStatic(parsed, chainId)
    if ('reason' in tx) return tx
    const account = accountIn(this.tip.ledger, tx.origin)
    const rejection = checkState(tx, { chainId, account, abi: this.contract(tx.call.contract)?.abi })
    if (rejection !== undefined) return rejection
    const verdict = this.#pool.add(tx)
    if (verdict === 'conflict') return { reason: 'ConflictingNonceInMempool' }
    return verdict === 'full' ? { reason: 'ServerFailureOther', message: 'the mempool is full' } : undefined
  }

  #append(block: Block): void {
    this.#chain.push(block)
    for (const tx of block.mined) {
      this.#mined.set(tx.tx.txid, { height: block.height, tx })
      this.#pool.remove(tx.tx.txid)
    }
  }

  #block(
    parent: Block | undefined,
    burn: BurnBlock,
    mined: readonly MinedTx[],
    credits: Block['credits'],
    ledger: Ledger,
    vmHeight: number,
  ): Block {
    const fork = String(this.#fork)
    return nextBlock(parent, { burn, mined, credits, ledger, vmHeight, timeS: this.#nowS(), fork })
  }

  #newBurn(parent: BurnBlock | undefined, height: number): BurnBlock {
    return nextBurnBlock(parent, height, String(this.#fork), this.#nowS())
  }

  #nowS(): number {
    return Math.floor(this.#init.clock.now() / 1000)
  }
}
