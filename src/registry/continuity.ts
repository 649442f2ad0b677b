import { ReadError } from './errors.ts'
import { gather } from './gather.ts'
import { requireNetwork } from './judge.ts'
import { failuresOf, TIP_GRACE_MS } from './quorum-read.ts'
import type { Reading, RegistrySource } from './read-registry.ts'
import { type Standing, standingOf } from './standing.ts'
import type { ChainTip } from './types.ts'

/**
 * A reorganisation of Bitcoin deeper than this has never been seen; a node that far back is being synced or was restored,
 * and would bring back members that were removed.
 */
export const MAX_REORG_BURN_BLOCKS = 6

/** `next`: go on to the block that was found. `applied`: stay where the last snapshot was read. */
export type Course = 'next' | 'applied'

/**
 * R4: height never goes back but for a reorg that the quorum proves, that is, `quorum` endpoints show another chain in
 * the place of the block that was applied. An endpoint that lags behind it shows nothing: counted against it, one liar
 * beside it could undo a rotation. So a chain that shrank stays unread until it has grown to that place again: the last
 * good snapshot stands, ages, and freezes what widens trust (R5).
 * A reorg within `confirmations` leaves that block where it is, only less deep for a while: the quorum says so, and the
 * reading stays there. Throws ReadError `height_went_back`.
 */
export async function courseAfter(
  source: RegistrySource,
  applied: ChainTip | undefined,
  { tip: next, leastBurnHeight }: Pick<Reading, 'tip' | 'leastBurnHeight'>,
  signal?: AbortSignal,
): Promise<Course> {
  if (applied === undefined || next.stacksHeight >= applied.stacksHeight) return 'next'
  const { clients, quorum, clock, confirmations, registryId } = source
  const back = (why: string) =>
    new ReadError(
      'height_went_back',
      `the registry was read at Stacks height ${applied.stacksHeight} before, now the quorum is at ${next.stacksHeight}: ${why}`,
      { applied: applied.stacksHeight, found: next.stacksHeight },
    )
  const burnBlocks = applied.burnHeight - leastBurnHeight
  const reaches = (values: readonly Standing[], kind: Standing['kind']) =>
    values.filter((v) => v.kind === kind).length >= quorum
  const answers = await gather(
    clients.map((client) => async (s: AbortSignal) => {
      const [info, standing] = await Promise.all([client.info(s), standingOf(client, applied, s)])
      requireNetwork(client.label, registryId, info)
      return standing
    }),
    (values) => values.length >= quorum,
    TIP_GRACE_MS,
    clock,
    signal,
    (values) => reaches(values, 'stands') || reaches(values, 'other'),
  )
  // One that could not say is no evidence; a bug of ours must not hide as one.
  failuresOf(clients, answers)
  const standings = answers.values.filter((v) => v !== undefined)
  if (reaches(standings, 'stands') && confirmations > 0 && burnBlocks <= confirmations) return 'applied'
  if (burnBlocks > MAX_REORG_BURN_BLOCKS)
    throw back(
      'further back than a reorg goes; wait for the nodes to sync, or correct [registry] endpoints (a new chain needs an empty data_dir)',
    )
  if (reaches(standings, 'other')) return 'next'
  throw back('no quorum shows another chain in its place; wait for the nodes to catch up')
}
