import { ClarityType, deserializeCV } from '@stacks/transactions'
import { type Cancel, type Clock, describeError, Emitter, type Logger, systemClock } from '../../base/index.ts'
import { type Block, viewOf } from './block.ts'
import { REGISTRY, registryContracts } from './contracts.ts'
import { Core } from './core.ts'
import { HttpFace } from './face.ts'
import { accountIn } from './ledger.ts'
import { newBlockPayload } from './new-block.ts'
import { Observers } from './observers.ts'
import type { BlockView, ChainFace, Corruption, EmbeddedChain, EmbeddedChainInit, Rewrite, TxView } from './types.ts'
import { SIMNET_MODULE } from './vm.ts'

/** Test networks, and the devnet of sBTC. */
export const TESTNET_CHAIN_ID = 0x80000000
const DEFAULT_INTERVAL_MS = 2_000
const DEFAULT_INITIAL_BLOCKS = 10

/**
 * A Clarity VM behind the HTTP endpoints of a Stacks node.
 * Throws `SIMNET_MISSING`, `CONTRACTS_MISSING` or `VM_FAILED`.
 */
export async function startChain(init: EmbeddedChainInit): Promise<EmbeddedChain> {
  const { deployerAddress: deployer, clock = systemClock, chainId = TESTNET_CHAIN_ID } = init
  const logger = init.logger.child('chain')
  const core = await Core.open({
    chainId,
    deployer,
    contracts: [...(await registryContracts(init.contractsDir)), ...(init.contractSources ?? [])],
    stacksPerBurnBlock: init.stacksPerBurnBlock ?? 1,
    genesis: Object.entries(init.genesisBalances ?? {}).map(([address, ustx]) => [address, BigInt(ustx)]),
    simnetModule: init.simnetModule ?? SIMNET_MODULE,
    logger,
    clock,
  })
  const chain = new Chain(core, { deployer, host: init.host ?? '127.0.0.1', port: init.port ?? 0, logger, clock })
  try {
    for (let i = 0; i < (init.initialBlocks ?? DEFAULT_INITIAL_BLOCKS); i++) await core.mine()
    await chain.open(init.blockIntervalMs ?? DEFAULT_INTERVAL_MS)
    return chain
  } catch (error) {
    await chain.stop()
    throw error
  }
}

interface ChainOptions {
  readonly deployer: string
  readonly host: string
  readonly port: number
  readonly logger: Logger
  readonly clock: Clock
}

class Chain implements EmbeddedChain {
  readonly deployer: string
  readonly chainId: number
  readonly face: HttpFace
  readonly blocks: Emitter<BlockView>
  readonly #core: Core
  readonly #o: ChainOptions
  readonly #faces: HttpFace[]
  readonly #observers: Observers
  #cancelTimer: Cancel | undefined
  #stopped = false

  constructor(core: Core, options: ChainOptions) {
    this.#core = core
    this.#o = options
    this.deployer = options.deployer
    this.chainId = core.chainId
    this.face = new HttpFace(core, options.host, options.port, options.logger)
    this.#faces = [this.face]
    this.#observers = new Observers(options.logger, options.clock)
    this.blocks = new Emitter((error) => this.#failed('a listener of new blocks failed', error))
  }

  async open(intervalMs: number | 'manual'): Promise<void> {
    await this.face.start()
    if (intervalMs !== 'manual') this.#schedule(intervalMs)
  }

  get url(): string {
    return this.face.url
  }
  get contract(): string {
    return `${this.deployer}.${REGISTRY}`
  }

  async openFace(port = 0): Promise<ChainFace> {
    const face = new HttpFace(this.#core, this.#o.host, port, this.#o.logger)
    await face.start()
    this.#faces.push(face)
    return face
  }

  tip(): BlockView {
    return viewOf(this.#core.tip)
  }
  blockAt(height: number): BlockView | undefined {
    const block = this.#core.chain[height - 1]
    return block === undefined ? undefined : viewOf(block)
  }
  get principal(): string {
    const value = this.#core.variable(this.#core.tip, this.contract, 'current-signer-principal')
    const parsed = value === undefined ? undefined : deserializeCV(value)
    if (parsed?.type !== ClarityType.PrincipalStandard) throw new Error('the registry obeys no account')
    return parsed.value
  }
  account(address: string): { readonly nonce: number; readonly balanceUstx: bigint } {
    return accountIn(this.#core.tip.ledger, address)
  }
  transaction(txid: string): TxView | undefined {
    return this.#core.transaction(txid.replace(/^0x/, ''))
  }

  async mine(count = 1): Promise<BlockView> {
    for (let i = 0; i < count; i++) this.#publish(await this.#core.mine())
    return this.tip()
  }

  fund(address: string, ustx: bigint | number): void {
    this.#core.fund(address, BigInt(ustx))
  }

  async reorg(depth: number, options: { readonly requeue?: boolean } = {}): Promise<BlockView> {
    return viewOf(await this.#core.reorg(depth, options.requeue ?? false))
  }

  addObserver(url: string): () => void {
    return this.#observers.add(url)
  }
  stall(on: boolean): void {
    this.face.stall(on)
  }
  corrupt(fault?: Corruption | Rewrite): void {
    this.face.corrupt(fault)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelTimer?.()
    this.#observers.stop()
    await Promise.all(this.#faces.map((face) => face.stop()))
    await this.#core.close()
  }

  #schedule(intervalMs: number): void {
    if (this.#stopped) return
    this.#cancelTimer = this.#o.clock.after(intervalMs, () => {
      this.mine()
        .catch((error: unknown) => this.#failed('no block could be mined', error))
        .finally(() => this.#schedule(intervalMs))
    })
  }

  #publish(block: Block): void {
    this.blocks.emit(viewOf(block))
    this.#observers.publish(newBlockPayload(block, this.#core.chain[block.height - 2]))
  }

  #failed(message: string, error: unknown): void {
    if (!this.#stopped) this.#o.logger.error(message, { error: describeError(error) })
  }
}
