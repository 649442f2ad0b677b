import { DeadlineError, withDeadline } from '../base/index.ts'
import { MAX_EMPTY_BITCOIN_BLOCKS } from './depth.ts'
import { ReadError } from './errors.ts'
import type { StacksClient } from './stacks-client.ts'
import type { Tenure } from './tenure.ts'
import type { ChainTip } from './types.ts'

/** Bitcoin blocks above a block's own that are looked into for a tenure that leaves it out. */
export const MAX_LATER_TENURES = 6

/**
 * Where one endpoint has a block (R4). `other`: it shows a chain without it. `unknown`: it shows neither; it may lag behind
 * the block, or hold its answer back, and that is evidence of nothing.
 */
export type Standing =
  | { readonly kind: 'stands'; readonly burnHeight: number }
  | { readonly kind: 'other' }
  | { readonly kind: 'unknown' }

const OTHER: Standing = { kind: 'other' }
const UNKNOWN: Standing = { kind: 'unknown' }

/**
 * Whether `block` stands on this endpoint's chain, at its height. Asked of its tenures, because a Stacks node goes on
 * reading at blocks that a reorg dropped. All questions together have the deadline of one call: else an endpoint that
 * drips its answers could hold a reading up for minutes. Throws ReadError.
 */
export async function standingOf(client: StacksClient, block: ChainTip, signal?: AbortSignal): Promise<Standing> {
  try {
    return await withDeadline('the tenures of a block', client.timeoutMs, (s) => lookFor(client, block, s), signal)
  } catch (error) {
    if (!(error instanceof DeadlineError) || signal?.aborted) throw error
    throw new ReadError(
      'timeout',
      `Stacks node ${client.label} did not tell within ${client.timeoutMs} ms where a block stands; check its load and the network between`,
      { endpoint: client.label },
      { cause: error },
    )
  }
}

async function lookFor(client: StacksClient, block: ChainTip, signal: AbortSignal): Promise<Standing> {
  const lowest = Math.max(1, block.burnHeight - MAX_EMPTY_BITCOIN_BLOCKS)
  let isNamed = false
  for (let burn = block.burnHeight; burn >= lowest; burn--) {
    const tenure = await client.tenure(burn, signal)
    if (tenure === undefined) continue
    const seen = seenIn(tenure, burn, block)
    if (seen === 'above') continue
    // Only named as a parent: it stands here, and how far down is the question where a reorg is bounded.
    if (seen !== 'below' && seen.kind === 'stands' && seen.burnHeight < burn) {
      isNamed = true
      continue
    }
    if (seen !== 'below') return seen
    break
  }
  if (isNamed) return { kind: 'stands', burnHeight: lowest }
  return block.isMinedBy === true ? await lookAbove(client, block, signal) : UNKNOWN
}

/** The block was mined by `burnHeight`, so every later tenure of its chain lies above it. */
async function lookAbove(client: StacksClient, block: ChainTip, signal: AbortSignal): Promise<Standing> {
  for (let burn = block.burnHeight + 1; burn <= block.burnHeight + MAX_LATER_TENURES; burn++) {
    const tenure = await client.tenure(burn, signal)
    if (tenure === undefined) continue
    const seen = seenIn(tenure, burn, block)
    if (seen === 'above') return UNKNOWN
    return seen === 'below' ? OTHER : seen
  }
  return UNKNOWN
}

/** What one tenure shows of the block; `above`, `below`: only that it lies above the block's height, or below it. */
function seenIn(tenure: Tenure, burnHeight: number, block: ChainTip): Standing | 'above' | 'below' {
  const [newest] = tenure
  const first = tenure.at(-1) ?? newest
  const listed = tenure.find(({ height }) => height === block.stacksHeight)
  if (listed !== undefined) return listed.id === block.indexBlockHash ? { kind: 'stands', burnHeight } : OTHER
  if (first.height === block.stacksHeight + 1)
    return first.parentId === block.indexBlockHash ? { kind: 'stands', burnHeight: burnHeight - 1 } : OTHER
  return first.height > block.stacksHeight ? 'above' : 'below'
}
