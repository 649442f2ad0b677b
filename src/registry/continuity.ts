import { standsOn } from './depth.ts'
import { ReadError } from './errors.ts'
import { requireNetwork } from './judge.ts'
import type { RegistrySource } from './read-registry.ts'
import type { StacksClient } from './stacks-client.ts'
import type { ChainTip } from './types.ts'

/**
 * A reorganisation of Bitcoin deeper than this has never been seen; a node that far back is being synced or was restored,
 * and would bring back members that were removed.
 */
export const MAX_REORG_BURN_BLOCKS = 6

/** `next`: go on to the block that was found. `applied`: stay where the last snapshot was read. */
export type Course = 'next' | 'applied'

/**
 * R4: height never goes back but for a reorg that the quorum proves, that is, `quorum` endpoints that have reached the
 * Bitcoin height of the block that was applied no longer have it. Endpoints that merely lag have not, and prove nothing.
 * A reorg within `confirmations` leaves that block where it is, only less deep for a while: the quorum says so, and the
 * reading stays there. Throws ReadError `height_went_back`.
 */
export async function courseAfter(
  source: RegistrySource,
  applied: ChainTip | undefined,
  next: ChainTip,
  signal?: AbortSignal,
): Promise<Course> {
  if (applied === undefined || next.stacksHeight >= applied.stacksHeight) return 'next'
  const back = (why: string) =>
    new ReadError(
      'height_went_back',
      `the registry was read at Stacks height ${applied.stacksHeight} before, now the quorum is at ${next.stacksHeight}: ${why}`,
      { applied: applied.stacksHeight, found: next.stacksHeight },
    )
  const burnBlocks = applied.burnHeight - next.burnHeight
  const has = await Promise.all(source.clients.map((client) => hasBlock(source, client, applied, signal)))
  const have = has.filter((h) => h === true).length
  if (have >= source.quorum && source.confirmations > 0 && burnBlocks <= source.confirmations) return 'applied'
  if (burnBlocks > MAX_REORG_BURN_BLOCKS)
    throw back('further back than a reorg goes; wait for the nodes to sync, or correct [registry] endpoints')
  if (has.filter((h) => h === false).length >= source.quorum) return 'next'
  throw back('the nodes still know the higher block; wait for them to catch up')
}

/**
 * undefined: the endpoint could not say. One that has not reached the block's Bitcoin height lacks it for being behind, not
 * for a reorg: Bitcoin leaves a branch only for a longer one. A quorum of nodes that lag, as behind a load balancer, would
 * else bring back members that were removed.
 */
async function hasBlock(
  { registryId }: RegistrySource,
  client: StacksClient,
  block: ChainTip,
  signal?: AbortSignal,
): Promise<boolean | undefined> {
  try {
    const [info, stands] = await Promise.all([client.info(signal), standsOn(client, block, signal)])
    requireNetwork(client.label, registryId, info)
    if (stands) return true
    return info.tip.burnHeight < block.burnHeight ? undefined : false
  } catch (error) {
    if (!(error instanceof ReadError)) throw error
    return undefined
  }
}
