import type { Clock } from '../base/index.ts'
import { ReadError } from './errors.ts'
import { type Gathered, gather } from './gather.ts'
import { judgeAnswer, READ_FUNCTION, type RegistryState, requireNetwork } from './judge.ts'
import { agreedAnswer, candidateTips } from './quorum.ts'
import type { NodeInfo, StacksClient } from './stacks-client.ts'
import type { ChainTip, ReadFailure, RegistryId } from './types.ts'

/** After a quorum told its tips, how long a slower endpoint may still tell a higher one. */
const TIP_GRACE_MS = 500

export interface RegistrySource {
  readonly registryId: RegistryId
  readonly clients: readonly StacksClient[]
  readonly quorum: number
  readonly clock: Clock
}

export interface EndpointFailure {
  readonly endpoint: string
  readonly reason: ReadFailure
  readonly detail: string
}

export interface Reading {
  readonly tip: ChainTip
  readonly state: RegistryState
  /** Endpoints that failed beside the quorum. */
  readonly failures: readonly EndpointFailure[]
  /** Labels of the endpoints whose bytes agreed, of those that had answered by then. */
  readonly agreed: readonly string[]
}

/**
 * One atomic reading (R4): the highest block at which `quorum` endpoints give the same bytes for the signer data.
 * Nothing but the quorum's bytes is ever decoded. Throws ReadError, or the signal's reason.
 */
export async function readRegistry(source: RegistrySource, signal?: AbortSignal): Promise<Reading> {
  const { clients, quorum, registryId, clock } = source
  const infos = await gather(
    clients.map((client) => (s: AbortSignal) => checkedInfo(client, registryId, s)),
    (values) => values.length >= quorum,
    TIP_GRACE_MS,
    clock,
    signal,
  )
  const failures = failuresOf(clients, infos)
  const claims = infos.values.flatMap((info) => (info === undefined ? [] : [info.tip]))
  const up = clients.filter((_, i) => infos.values[i] !== undefined)
  let answered = 0

  for (const tip of candidateTips(claims, quorum)) {
    const answers = await gather(
      up.map(
        (client) => (s: AbortSignal) => client.callRead(registryId.contract, READ_FUNCTION, tip.indexBlockHash, s),
      ),
      (values) => agreedAnswer(values, quorum) !== undefined,
      0,
      clock,
      signal,
    )
    const agreed = agreedAnswer(
      answers.values.filter((a) => a !== undefined),
      quorum,
    )
    if (agreed !== undefined) {
      const state = await judgeAnswer(registryId, 'the quorum of Stacks nodes', agreed)
      const said = up.filter((_, i) => answers.values[i] === agreed).map((client) => client.label)
      return { tip, state, failures, agreed: said }
    }
    // Fewer than a quorum know this block yet, or they disagree on it: a lower one may be common to them.
    failures.push(...failuresOf(up, answers))
    answered = Math.max(answered, answers.values.filter((a) => a !== undefined).length)
  }
  throw await explain(source, up, answered, failures, signal)
}

async function checkedInfo(client: StacksClient, registryId: RegistryId, signal: AbortSignal): Promise<NodeInfo> {
  const info = await client.info(signal)
  requireNetwork(client.label, registryId, info)
  return info
}

function failuresOf(clients: readonly StacksClient[], gathered: Gathered<unknown>): EndpointFailure[] {
  return clients.flatMap((client, i): EndpointFailure[] => {
    if (gathered.values[i] !== undefined) return []
    const error = gathered.errors[i]
    if (error === undefined)
      return [
        { endpoint: client.label, reason: 'timeout', detail: `Stacks node ${client.label} is slower than the others` },
      ]
    // Not a failure of the chain: a bug of ours must not hide as one.
    if (!(error instanceof ReadError)) throw error
    return [{ endpoint: client.label, reason: error.code, detail: error.message }]
  })
}

/** No block had a quorum: says why in one word if nobody answered and all failed alike. */
async function explain(
  source: RegistrySource,
  up: readonly StacksClient[],
  answered: number,
  failures: readonly EndpointFailure[],
  signal?: AbortSignal,
): Promise<ReadError> {
  const { clients, quorum, registryId } = source
  const [first] = failures
  const lonely = up.length > 0 && up.length < quorum
  if (first === undefined || lonely || answered > 0 || failures.some((f) => f.reason !== first.reason))
    return new ReadError(
      'no_quorum',
      `fewer than ${quorum} of ${clients.length} Stacks nodes agree on the registry (${up.length} told a block, ${answered} answered at it); check each of [registry] endpoints`,
      { failures },
    )
  // A node that lacks the contract may answer 404, as one does that lacks the block.
  const missing =
    first.reason === 'http_status' && up[0] !== undefined && (await lacksContract(up[0], registryId, signal))
  if (missing instanceof ReadError) return missing
  return new ReadError(first.reason, first.detail, { failures })
}

async function lacksContract(client: StacksClient, registryId: RegistryId, signal?: AbortSignal) {
  try {
    await client.contractSource(registryId.contract, signal)
    return undefined
  } catch (error) {
    return error instanceof ReadError && error.code === 'contract_missing' ? error : undefined
  }
}
