import { gather } from './gather.ts'
import { candidateTips, reachedBy, sameBlock } from './quorum.ts'
import {
  type Agreeing,
  agreeAt,
  type EndpointFailure,
  type QuorumSource,
  type Reached,
  TIP_GRACE_MS,
} from './quorum-read.ts'
import type { StacksClient } from './stacks-client.ts'
import { type Standing, standingOf } from './standing.ts'
import type { ChainTip } from './types.ts'

/**
 * As `agreeAt`, at the newest block that a quorum has, whatever its depth (R4). Every endpoint answers truly for an old
 * block as well: one liar that passes it for the newest would bring back the signer set of then, members that were
 * removed included. So a block is read at only where `quorum` endpoints claim it at that height, or list it there.
 */
export async function agreeAtNewest<A extends string>(
  source: QuorumSource,
  up: readonly Reached[],
  ask: (client: StacksClient, tip: string, signal: AbortSignal) => Promise<A>,
  failures: EndpointFailure[],
  signal?: AbortSignal,
): Promise<Agreeing<A>> {
  const clients = up.map((u) => u.client)
  const claims = up.map((u) => u.tip)
  let answered = 0
  for (const claim of candidateTips(claims, source.quorum)) {
    const heights = await vouchedAt(source, up, claim, signal)
    if (heights.length < source.quorum) continue
    const [leastBurnHeight, tip] = placed(source, claim, heights)
    const { agreement, ...tried } = await agreeAt(source, clients, [tip], ask, failures, signal)
    if (agreement !== undefined) return { ...tried, agreement: { ...agreement, leastBurnHeight } }
    answered = Math.max(answered, tried.answered)
  }
  return { agreement: undefined, answered }
}

/** Bitcoin heights at which endpoints have the block; fewer than a quorum: it is not to be read at. */
async function vouchedAt(
  { quorum, clock }: QuorumSource,
  up: readonly Reached[],
  tip: ChainTip,
  signal?: AbortSignal,
): Promise<readonly number[]> {
  // At the same Bitcoin height too: what one endpoint tells for a true block is no place to look for it later.
  const same = up.filter((u) => sameBlock(u.tip, tip) && u.tip.burnHeight === tip.burnHeight)
  if (same.length >= quorum) return same.map((u) => u.tip.burnHeight)
  // Endpoints of which one is a block ahead, or in another place: each looks into its own chain.
  const stands = (values: readonly Standing[]) => values.filter((v) => v.kind === 'stands').length >= quorum
  const lost = (values: readonly Standing[]) => values.filter((v) => v.kind !== 'stands').length > up.length - quorum
  const answers = await gather(
    up.map(
      ({ client }) =>
        (s: AbortSignal) =>
          standingOf(client, tip, s),
    ),
    (values) => values.length >= quorum,
    TIP_GRACE_MS,
    clock,
    signal,
    // A liar that is silent about its own lie must not hold the reading up.
    (values) => stands(values) || lost(values),
  )
  return answers.values.flatMap((v) => (v?.kind === 'stands' ? [v.burnHeight] : []))
}

/**
 * The Bitcoin height that the block is at least at, and one that it was mined by. Each is what a quorum says, so an honest
 * endpoint is among those who say it, however many short of a quorum lie: a height that is too low would make every later
 * tenure look like one that leaves the block out. And where all vouch, no `n - quorum` liars can push a height further out.
 */
function placed(
  { quorum }: QuorumSource,
  { indexBlockHash, stacksHeight }: ChainTip,
  heights: readonly number[],
): [leastBurnHeight: number, tip: ChainTip] {
  const least = reachedBy(heights, quorum)
  const minedBy = -reachedBy(
    heights.map((h) => -h),
    quorum,
  )
  return [least, { indexBlockHash, stacksHeight, burnHeight: minedBy, isMinedBy: true }]
}
