import { ReadError } from './errors.ts'
import { READ_FUNCTION } from './judge.ts'
import type { RegistrySource } from './read-registry.ts'
import type { StacksClient } from './stacks-client.ts'
import type { ChainTip } from './types.ts'

/**
 * A reorganisation of Bitcoin deeper than this has never been seen; a node that far back is being synced or was restored,
 * and would bring back members that were removed.
 */
export const MAX_REORG_BURN_BLOCKS = 6

/**
 * R4: height never goes back but for a reorg that the quorum proves, that is, `quorum` endpoints no longer know the block
 * that was applied. Endpoints that merely lag do know it, or are fewer. Throws ReadError `height_went_back`.
 */
export async function requireContinuity(
  source: RegistrySource,
  applied: ChainTip | undefined,
  next: ChainTip,
  signal?: AbortSignal,
): Promise<void> {
  if (applied === undefined || next.stacksHeight >= applied.stacksHeight) return
  const back = (why: string) =>
    new ReadError(
      'height_went_back',
      `the registry was read at Stacks height ${applied.stacksHeight} before, now the quorum is at ${next.stacksHeight}: ${why}`,
      { applied: applied.stacksHeight, found: next.stacksHeight },
    )
  if (applied.burnHeight - next.burnHeight > MAX_REORG_BURN_BLOCKS)
    throw back('further back than a reorg goes; wait for the nodes to sync, or correct [registry] endpoints')
  const forgot = await Promise.all(
    source.clients.map((client) => forgotBlock(client, source.registryId.contract, applied.indexBlockHash, signal)),
  )
  if (forgot.filter(Boolean).length < source.quorum)
    throw back('the nodes still know the higher block; wait for them to catch up')
}

async function forgotBlock(client: StacksClient, contract: string, block: string, signal?: AbortSignal) {
  try {
    await client.callRead(contract, READ_FUNCTION, block, signal)
    return false
  } catch (error) {
    if (!(error instanceof ReadError)) throw error
    return error.code === 'http_status' && error.data.status === 404
  }
}
