import { gather } from './gather.ts'
import { reachedBy } from './quorum.ts'
import { type EndpointFailure, failuresOf, type QuorumSource, type Reached, TIP_GRACE_MS } from './quorum-read.ts'
import { deepBlocks, type TenureVote } from './tenure.ts'
import type { ChainTip } from './types.ts'

/**
 * Bitcoin blocks in a row that may elect nobody: four hours of a halted Stacks chain. Each is one more question, and past
 * them a reading fails and the last good snapshot stands.
 */
export const MAX_EMPTY_BITCOIN_BLOCKS = 24

/**
 * The highest blocks that are `confirmations` Bitcoin blocks deep on a quorum of endpoints (R4), best first; nothing if
 * there is no such block. Counted from the height that `quorum` endpoints claim to have reached, so that one liar can
 * neither lift nor lower it; where a Bitcoin block has no tenure, the next older one is looked at. Who goes on asking is
 * given lower ones.
 */
export async function* deepTips(
  source: QuorumSource,
  up: readonly Reached[],
  confirmations: number,
  failures: EndpointFailure[],
  signal?: AbortSignal,
): AsyncGenerator<readonly ChainTip[], void> {
  const { quorum, clock } = source
  const reached = reachedBy(
    up.map((u) => u.tip.burnHeight),
    quorum,
  )
  const highest = reached - confirmations + 1
  const lowest = Math.max(1, highest - MAX_EMPTY_BITCOIN_BLOCKS)
  for (let burn = highest; burn >= lowest; burn--) {
    // Others can't know of a block so deep: what they said would only be guessed.
    const asked = up.filter((u) => u.tip.burnHeight >= burn + confirmations - 1)
    const tips = (votes: readonly TenureVote[]) => deepBlocks(burn, votes, confirmations, quorum)
    const answers = await gather(
      asked.map(({ client, tip }) => async (s: AbortSignal): Promise<TenureVote> => {
        return { reached: tip.burnHeight, tenure: await client.tenure(burn, s) }
      }),
      // Endpoints that lag and endpoints that don't are divided: whoever is slower than a quorum of them is not waited for.
      (votes) => votes.length >= quorum,
      TIP_GRACE_MS,
      clock,
      signal,
      (votes) => tips(votes).length > 0 || votes.filter((v) => v.tenure === undefined).length >= quorum,
    )
    const found = tips(answers.values.filter((v) => v !== undefined))
    if (found.length > 0) yield found
    failures.push(
      ...failuresOf(
        asked.map((a) => a.client),
        answers,
      ).filter((f) => !known(failures, f)),
    )
  }
}

const known = (failures: readonly EndpointFailure[], { endpoint, reason }: EndpointFailure): boolean =>
  failures.some((f) => f.endpoint === endpoint && f.reason === reason)
