import { standsOn } from './depth.ts'
import { gather } from './gather.ts'
import { candidateTips, sameBlock } from './quorum.ts'
import { type Agreeing, agreeAt, type EndpointFailure, type QuorumSource, type Reached } from './quorum-read.ts'
import type { StacksClient } from './stacks-client.ts'
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
  for (const tip of candidateTips(claims, source.quorum)) {
    if (!(await isVouchedFor(source, up, tip, signal))) continue
    const tried = await agreeAt(source, clients, [tip], ask, failures, signal)
    if (tried.agreement !== undefined) return tried
    answered = Math.max(answered, tried.answered)
  }
  return { agreement: undefined, answered }
}

async function isVouchedFor(
  { quorum, clock }: QuorumSource,
  up: readonly Reached[],
  tip: ChainTip,
  signal?: AbortSignal,
): Promise<boolean> {
  // At the same Bitcoin height too: a liar that tells a lower one for a true block would have it looked for where it never
  // stood, and so "dropped" by everybody as soon as the nodes lag.
  if (up.filter((u) => sameBlock(u.tip, tip) && u.tip.burnHeight === tip.burnHeight).length >= quorum) return true
  // Endpoints of which one is a block ahead, or in another place: each looks into its own chain.
  const stands = (values: readonly boolean[]) => values.filter((v) => v).length >= quorum
  const lost = (values: readonly boolean[]) => values.filter((v) => !v).length > up.length - quorum
  const answers = await gather(
    up.map(
      ({ client }) =>
        (s: AbortSignal) =>
          standsOn(client, tip, s),
    ),
    // A liar that is silent about its own lie must not hold the reading up.
    (values) => stands(values) || lost(values),
    0,
    clock,
    signal,
  )
  return stands(answers.values.filter((v) => v !== undefined))
}
