import type { Clock, HttpAnswer, HttpRequest, Listenable, Logger } from '../../base/index.ts'

/** A contract to deploy in the first block, before anything else happens on the chain. */
export interface ContractSource {
  readonly name: string
  /** Clarity 3. */
  readonly source: string
  /** The chain's deployer, unless given. */
  readonly deployer?: string
}

export interface EmbeddedChainInit {
  /** Stacks address that deploys the contracts and sends the first rotation (R6): the bootstrap set's multisig. */
  readonly deployerAddress: string
  /** Folder of `sbtc-registry.clar` and `sbtc-bootstrap-signers.clar`; the package's own, unless given. */
  readonly contractsDir?: string
  /** Contracts deployed after those two. */
  readonly contractSources?: readonly ContractSource[]
  /** One block each so many milliseconds (default 2000), or only on `mine()`. */
  readonly blockIntervalMs?: number | 'manual'
  /** Stacks blocks per Bitcoin block; default 1. */
  readonly stacksPerBurnBlock?: number
  /** Empty blocks mined before the chain answers, so that readers who want confirmations find some; default 10. */
  readonly initialBlocks?: number
  /** TCP port of the first face; default 0, any free one. */
  readonly port?: number
  /** Default 127.0.0.1. The chain trusts whoever reaches it: keep it on loopback. */
  readonly host?: string
  /** Default 0x80000000. The Clarity VM underneath always believes that it is on a test network. */
  readonly chainId?: number
  /** Address → µSTX in the first block. */
  readonly genesisBalances?: Readonly<Record<string, bigint | number>>
  readonly logger: Logger
  readonly clock?: Clock
  /** Name of the module that holds the Clarity VM; for the test of its absence. */
  readonly simnetModule?: string
}

/** One block, as its readers see it. Hashes are hex without 0x. */
export interface BlockView {
  readonly height: number
  readonly burnHeight: number
  /** 32 bytes: SHA-512/256(block hash ‖ consensus hash). What `tip=` takes. */
  readonly indexBlockHash: string
  readonly blockHash: string
  readonly parentIndexBlockHash: string
  /** 20 bytes; names the tenure, that is the Bitcoin block. */
  readonly consensusHash: string
  readonly burnBlockHash: string
  /** Transactions mined in it. */
  readonly txids: readonly string[]
}

export type TxStatus = 'pending' | 'success' | 'abort_by_response'
export interface TxView {
  readonly txid: string
  readonly status: TxStatus
  /** Height of the block that holds it. */
  readonly height?: number
  /** Clarity value that the call returned, hex without 0x. */
  readonly result?: string
}

/** Faults that a face can be told to show. */
export const CORRUPTIONS = [
  'malformed_json',
  'garbage_hex',
  'truncated_body',
  'truncated_hex',
  'wrong_types',
  'wrong_clarity',
  'oversized',
  'http_500',
  'not_okay',
] as const
export type Corruption = (typeof CORRUPTIONS)[number]
/** Any other answer, e.g. of a node that lies. */
export type Rewrite = (request: HttpRequest, answer: HttpAnswer) => HttpAnswer

/** One HTTP endpoint of the chain. Several faces of one chain stand for several Stacks nodes. */
export interface ChainFace {
  /** `http://host:port`; stays the same over `stop()` and `start()`. */
  readonly url: string
  start(): Promise<void>
  stop(): Promise<void>
  /** While on, requests get no answer; they are answered when it is turned off. */
  stall(on: boolean): void
  /** Until called again with nothing. */
  corrupt(fault?: Corruption | Rewrite): void
  /** Shows the chain as it was so many blocks ago. */
  lag(blocks: number): void
}

export interface EmbeddedChain {
  /** Of the first face. */
  readonly url: string
  /** `<deployer>.sbtc-registry` */
  readonly contract: string
  readonly deployer: string
  readonly chainId: number
  /** The first face. */
  readonly face: ChainFace
  /** Another endpoint onto the same chain. Closed by `stop()`. */
  openFace(port?: number): Promise<ChainFace>
  /** Every new block, after its transactions were executed. */
  readonly blocks: Listenable<BlockView>
  tip(): BlockView
  blockAt(height: number): BlockView | undefined
  /** The account that the registry obeys at the tip: the deployer's, then the multisig of each set. */
  readonly principal: string
  account(address: string): { readonly nonce: number; readonly balanceUstx: bigint }
  transaction(txid: string): TxView | undefined
  /** Mines `count` blocks (default 1) with what waits in the mempool, and resolves with the new tip. */
  mine(count?: number): Promise<BlockView>
  /** Credits an account in the next block. */
  fund(address: string, ustx: bigint | number): void
  /** Drops the last `depth` blocks. Their transactions are lost, or wait in the mempool again with `requeue`. */
  reorg(depth: number, options?: { readonly requeue?: boolean }): Promise<BlockView>
  /** From now on `POST <url>/new_block` with every block. Returns what ends it. */
  addObserver(url: string): () => void
  /** `face.stall`, `face.corrupt` */
  stall(on: boolean): void
  corrupt(fault?: Corruption | Rewrite): void
  /** Ends the chain and everything of it; it can't be started again. */
  stop(): Promise<void>
}
