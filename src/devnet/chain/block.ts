import { createHash } from 'node:crypto'
import { concatBytes, fromHex, toHex, u32be, u64be, utf8 } from '../../base/index.ts'
import type { Ledger } from './ledger.ts'
import type { SignedCall } from './parse-tx.ts'
import type { BlockView } from './types.ts'
import type { VmEvent } from './vm-protocol.ts'

export interface MinedTx {
  readonly tx: SignedCall
  readonly status: 'success' | 'abort_by_response'
  readonly result: string
  readonly events: readonly VmEvent[]
  readonly vmError: string | undefined
}

/** A Bitcoin block as the chain sees it; also names the tenure of the Stacks blocks on it. */
export interface BurnBlock {
  readonly height: number
  readonly hash: string
  readonly parentHash: string
  readonly consensusHash: string
  readonly timeS: number
}

export interface Block extends BlockView {
  readonly parentBlockHash: string
  readonly timeS: number
  readonly burn: BurnBlock
  readonly mined: readonly MinedTx[]
  /** Credits applied before the transactions. */
  readonly credits: readonly (readonly [string, bigint])[]
  readonly ledger: Ledger
  /** Height of the VM after this block; it runs ahead of ours, a VM block per transaction. */
  readonly vmHeight: number
  /** Nakamoto header, with no signatures in it. */
  readonly header: Uint8Array
}

const EMPTY_SIGNATURE = new Uint8Array(65)
const ZERO_32 = '00'.repeat(32)

const sha512_256 = (...parts: readonly Uint8Array[]): string =>
  createHash('sha512-256')
    .update(concatBytes(...parts))
    .digest('hex')

/** `fork` differs between the branches of a reorg, so that the same height gets another hash. */
export function nextBurnBlock(parent: BurnBlock | undefined, height: number, fork: string, timeS: number): BurnBlock {
  const parentHash = parent?.hash ?? ZERO_32
  const seed = concatBytes(utf8('countersign/devnet/burn'), fromHex(parentHash), u64be(height), utf8(fork))
  const hash = createHash('sha256').update(seed).digest('hex')
  const consensusHash = createHash('sha256').update(fromHex(hash)).digest('hex').slice(0, 40)
  return { height, hash, parentHash, consensusHash, timeS }
}

export interface BlockContents {
  readonly burn: BurnBlock
  readonly mined: readonly MinedTx[]
  readonly credits: Block['credits']
  readonly ledger: Ledger
  readonly vmHeight: number
  readonly timeS: number
  readonly fork: string
}

export function nextBlock(parent: Block | undefined, contents: BlockContents): Block {
  const { burn, mined, fork } = contents
  const height = (parent?.height ?? 0) + 1
  const parentIndexBlockHash = parent?.indexBlockHash ?? ZERO_32
  const txids = mined.map((m) => m.tx.txid)
  const rest = concatBytes(
    Uint8Array.of(1),
    u64be(height),
    u64be(0),
    fromHex(burn.consensusHash),
    fromHex(parentIndexBlockHash),
    fromHex(sha512_256(...txids.map(fromHex))),
    // Stands for the state root: what executed, and on which branch.
    fromHex(sha512_256(utf8(fork), ...mined.map((m) => utf8(m.result)))),
    u64be(contents.timeS),
    EMPTY_SIGNATURE,
  )
  const poxTreatment = concatBytes(Uint8Array.of(0, 1), u32be(1), Uint8Array.of(1))
  const blockHash = sha512_256(rest, poxTreatment)
  return {
    ...contents,
    height,
    burnHeight: burn.height,
    blockHash,
    indexBlockHash: sha512_256(fromHex(blockHash), fromHex(burn.consensusHash)),
    parentBlockHash: parent?.blockHash ?? ZERO_32,
    parentIndexBlockHash,
    consensusHash: burn.consensusHash,
    burnBlockHash: burn.hash,
    txids,
    // No signer signatures.
    header: concatBytes(rest, u32be(0), poxTreatment),
  }
}

/** A Nakamoto block on the wire: header, then its transactions. */
export const blockBytes = (block: Block): Uint8Array =>
  concatBytes(block.header, u32be(block.mined.length), ...block.mined.map((m) => m.tx.raw))

export const viewOf = (block: Block): BlockView => ({
  height: block.height,
  burnHeight: block.burnHeight,
  indexBlockHash: block.indexBlockHash,
  blockHash: block.blockHash,
  parentIndexBlockHash: block.parentIndexBlockHash,
  consensusHash: block.consensusHash,
  burnBlockHash: block.burnBlockHash,
  txids: block.txids,
})

export const rawTxHex = (tx: SignedCall): string => toHex(tx.raw)
