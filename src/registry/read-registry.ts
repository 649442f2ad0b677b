import { deepTips } from './depth.ts'
import { ReadError } from './errors.ts'
import { judgeAnswer, type RegistryState } from './judge.ts'
import { agreeAtNewest } from './newest.ts'
import { openPinned, type PinnedAnswer, readPinned } from './pinned-read.ts'
import {
  type Agreeing,
  agreeAt,
  askTips,
  type EndpointFailure,
  type QuorumSource,
  type Reached,
} from './quorum-read.ts'
import type { StacksClient } from './stacks-client.ts'
import type { ChainTip, ReadEvidence } from './types.ts'

export interface RegistrySource extends QuorumSource {
  /** Bitcoin blocks that must stand on what is read (R4). */
  readonly confirmations: number
}

export interface Reading {
  readonly tip: ChainTip
  /** As in `Agreement`. */
  readonly leastBurnHeight: number
  readonly state: RegistryState
  readonly evidence: ReadEvidence
  /** Endpoints that failed beside the quorum. */
  readonly failures: readonly EndpointFailure[]
}

/**
 * One atomic reading (R4): the highest block, `confirmations` Bitcoin blocks deep, at which `quorum` endpoints give the
 * same bytes for the signer data. Nothing but the quorum's bytes is ever decoded. Throws ReadError, or the signal's reason.
 */
export async function readRegistry(source: RegistrySource, signal?: AbortSignal): Promise<Reading> {
  const failures: EndpointFailure[] = []
  const up = await askTips(source, failures, signal)
  const clients = up.map((u) => u.client)
  if (source.confirmations === 0) {
    const tried = await agreeAtNewest(source, up, asking(source), failures, signal)
    return await readingOf(source, clients, tried, failures, signal)
  }
  const tried = await agreeDeep(source, up, failures, signal)
  return await readingOf(source, clients, tried, failures, signal)
}

/**
 * At the highest deep block at which a quorum agrees. A liar can name a block with those that are ahead, and then answer
 * nothing at it: where an honest endpoint answered alone, the reading goes on at a block that more of them have.
 */
async function agreeDeep(
  source: RegistrySource,
  up: readonly Reached[],
  failures: EndpointFailure[],
  signal?: AbortSignal,
): Promise<Agreeing<PinnedAnswer>> {
  const clients = up.map((u) => u.client)
  let answered = 0
  for await (const tips of deepTips(source, up, source.confirmations, failures, signal)) {
    const tried = await agreeAt(source, clients, tips, asking(source), failures, signal)
    if (tried.agreement !== undefined) return tried
    answered = Math.max(answered, tried.answered)
    // Nobody at all answers: an outage, and not to be asked about at every height.
    if (tried.answered === 0) break
  }
  return { agreement: undefined, answered }
}

/** As `readRegistry`, at a block that is known already. */
export const readRegistryAt = (source: RegistrySource, tip: ChainTip, signal?: AbortSignal): Promise<Reading> =>
  readAt(source, source.clients, [tip], [], signal)

const asking =
  ({ registryId }: RegistrySource) =>
  (client: StacksClient, tip: string, signal: AbortSignal) =>
    readPinned(client, registryId.contract, tip, signal)

async function readAt(
  source: RegistrySource,
  clients: readonly StacksClient[],
  tips: readonly ChainTip[],
  failures: EndpointFailure[],
  signal?: AbortSignal,
): Promise<Reading> {
  const tried = await agreeAt(source, clients, tips, asking(source), failures, signal)
  return await readingOf(source, clients, tried, failures, signal)
}

async function readingOf(
  source: RegistrySource,
  up: readonly StacksClient[],
  { agreement, answered }: Agreeing<PinnedAnswer>,
  failures: readonly EndpointFailure[],
  signal?: AbortSignal,
): Promise<Reading> {
  if (agreement === undefined) throw await explain(source, up, answered, failures, signal)
  const { tip, leastBurnHeight, answer, agreed } = agreement
  const state = await judgeAnswer(source.registryId, 'the quorum of Stacks nodes', answer)
  const evidence = Object.freeze({
    endpoints: Object.freeze([...agreed]),
    via: openPinned(answer).via,
    confirmations: source.confirmations,
  })
  return { tip, leastBurnHeight, state, evidence, failures }
}

/** No block had a quorum: says why in one word if nobody answered and all failed alike. */
async function explain(
  source: RegistrySource,
  up: readonly StacksClient[],
  answered: number,
  failures: readonly EndpointFailure[],
  signal?: AbortSignal,
): Promise<ReadError> {
  const { clients, quorum, registryId, confirmations } = source
  const [first] = failures
  const lonely = up.length > 0 && up.length < quorum
  const deep = confirmations === 0 ? '' : `, ${confirmations} Bitcoin blocks deep`
  if (first === undefined || lonely || answered > 0 || failures.some((f) => f.reason !== first.reason))
    return new ReadError(
      'no_quorum',
      `fewer than ${quorum} of ${clients.length} Stacks nodes agree on the registry at one block${deep} (${up.length} told a block, ${answered} answered at it); check each of [registry] endpoints`,
      { failures },
    )
  // A node that lacks the contract may answer 404, as one does that lacks the block.
  const missing =
    first.reason === 'http_status' && up[0] !== undefined && (await lacksContract(up[0], registryId.contract, signal))
  if (missing instanceof ReadError) return missing
  return new ReadError(first.reason, first.detail, { failures })
}

async function lacksContract(client: StacksClient, contract: string, signal?: AbortSignal) {
  try {
    await client.contractSource(contract, signal)
    return undefined
  } catch (error) {
    return error instanceof ReadError && error.code === 'contract_missing' ? error : undefined
  }
}
