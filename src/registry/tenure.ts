import { isHex } from '../base/index.ts'
import { isCount, isRecord } from './json.ts'
import { sameBlock } from './quorum.ts'
import type { ChainTip } from './types.ts'

/** A Stacks block as a tenure's list names it. */
export interface TenureBlock {
  /** Index block hash, 64 hex digits. */
  readonly id: string
  readonly parentId: string
  readonly height: number
}
/** The Stacks blocks of one Bitcoin block's tenure, newest first, at least one, each the parent of the one before. */
export type Tenure = readonly [TenureBlock, ...TenureBlock[]]

/** One endpoint's answer about the tenure of a Bitcoin block; undefined: nobody mined in it, as far as it knows. */
export interface TenureVote {
  /** Bitcoin height that this endpoint claims to have reached. */
  readonly reached: number
  readonly tenure: Tenure | undefined
}

/**
 * Blocks that are `confirmations` Bitcoin blocks deep on at least `quorum` endpoints, best first, from their lists of the
 * tenure of Bitcoin height `burn` (R4). A vote counts only as deep as its own endpoint claims to have reached.
 *
 * Only two blocks of a tenure have a depth that the list proves: its first block, which was mined right on this Bitcoin
 * block, and that block's parent, the last of everything older. The others may be younger than they look: where a Bitcoin
 * block elects nobody, the tenure before it is extended, and its newest block can be seconds old. Nor do endpoints that
 * are in the middle of a tenure disagree about these two.
 */
export function deepBlocks(
  burn: number,
  votes: readonly TenureVote[],
  confirmations: number,
  quorum: number,
): readonly ChainTip[] {
  const firsts = votes.map(({ reached, tenure }) => ({ reached, first: tenure?.at(-1) }))
  const agreed = (
    burnHeight: number,
    read: (first: TenureBlock) => Pick<ChainTip, 'indexBlockHash' | 'stacksHeight'>,
  ) => {
    const tips = firsts.flatMap(({ reached, first }) =>
      first === undefined || reached < burnHeight + confirmations
        ? []
        : [{ ...read(first), burnHeight, isMinedBy: true as const }],
    )
    return tips.find((tip) => tips.filter((other) => sameBlock(tip, other)).length >= quorum)
  }
  const own = agreed(burn, ({ id, height }) => ({ indexBlockHash: id, stacksHeight: height }))
  const before = agreed(burn - 1, ({ parentId, height }) => ({
    indexBlockHash: parentId,
    stacksHeight: height - 1,
  }))
  return [own, before].filter((tip) => tip !== undefined)
}

/** `stacks_blocks` of a tenure; undefined if it is no chain: newest first, no gap, each block naming the next as its parent. */
export function parseTenure(list: unknown): Tenure | undefined {
  if (!Array.isArray(list)) return undefined
  const blocks = list.map(parseTenureBlock).filter((block) => block !== undefined)
  const [newest, ...older] = blocks
  if (newest === undefined || blocks.length !== list.length) return undefined
  const linked = older.every((block, i) => {
    const child = blocks[i]
    return child?.parentId === block.id && child.height === block.height + 1
  })
  return linked ? [newest, ...older] : undefined
}

function parseTenureBlock(value: unknown): TenureBlock | undefined {
  if (!isRecord(value)) return undefined
  const { block_id: id, parent_block_id: parentId, height } = value
  if (typeof id !== 'string' || !isHex(id, 32) || typeof parentId !== 'string' || !isHex(parentId, 32)) return undefined
  return isCount(height) && height > 0 ? { id, parentId, height } : undefined
}
