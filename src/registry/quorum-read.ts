import type { Clock } from '../base/index.ts'
import { ReadError } from './errors.ts'
import { type Gathered, gather } from './gather.ts'
import { requireNetwork } from './judge.ts'
import { agreedAnswer } from './quorum.ts'
import type { StacksClient } from './stacks-client.ts'
import type { ChainTip, ReadFailure, RegistryId } from './types.ts'

/** After a quorum told its tips, how long a slower endpoint may still tell a higher one. */
export const TIP_GRACE_MS = 500

/** The endpoints that are asked, and how many of them must agree (R4). */
export interface QuorumSource {
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

/** An endpoint that answered, on the right network, and the tip that it claims. */
export interface Reached {
  readonly client: StacksClient
  readonly tip: ChainTip
}

/** Every endpoint's tip; those that did not tell one are added to `failures`. Throws the signal's reason. */
export async function askTips(
  { clients, quorum, registryId, clock }: QuorumSource,
  failures: EndpointFailure[],
  signal?: AbortSignal,
): Promise<readonly Reached[]> {
  const infos = await gather(
    clients.map((client) => async (s: AbortSignal) => {
      const info = await client.info(s)
      requireNetwork(client.label, registryId, info)
      return { client, tip: info.tip }
    }),
    (values) => values.length >= quorum,
    TIP_GRACE_MS,
    clock,
    signal,
  )
  failures.push(...failuresOf(clients, infos))
  return infos.values.filter((info) => info !== undefined)
}

export interface Agreement<A extends string> {
  readonly tip: ChainTip
  /** Bitcoin height that the block is at least at, however many endpoints short of a quorum lie. */
  readonly leastBurnHeight: number
  readonly answer: A
  /** Labels of the endpoints that gave it, of those that had answered by then. */
  readonly agreed: readonly string[]
}

export interface Agreeing<A extends string> {
  readonly agreement: Agreement<A> | undefined
  /** Most answers that any one block got. */
  readonly answered: number
}

/** The first of `tips` at which a quorum gives the same answer, to the last byte (R4). Throws the signal's reason. */
export async function agreeAt<A extends string>(
  { quorum, clock }: QuorumSource,
  clients: readonly StacksClient[],
  tips: readonly ChainTip[],
  ask: (client: StacksClient, tip: string, signal: AbortSignal) => Promise<A>,
  failures: EndpointFailure[],
  signal?: AbortSignal,
): Promise<Agreeing<A>> {
  let answered = 0
  for (const tip of tips) {
    const answers = await gather(
      clients.map((client) => (s: AbortSignal) => ask(client, tip.indexBlockHash, s)),
      (values) => agreedAnswer(values, quorum) !== undefined,
      0,
      clock,
      signal,
    )
    const given = answers.values.filter((a) => a !== undefined)
    answered = Math.max(answered, given.length)
    const answer = agreedAnswer(given, quorum)
    if (answer !== undefined) {
      const agreed = clients.filter((_, i) => answers.values[i] === answer).map((client) => client.label)
      return { agreement: { tip, leastBurnHeight: tip.burnHeight, answer, agreed }, answered }
    }
    // Fewer than a quorum know this block yet, or they disagree on it: a lower one may be common to them.
    failures.push(...failuresOf(clients, answers))
  }
  return { agreement: undefined, answered }
}

export function failuresOf(clients: readonly StacksClient[], gathered: Gathered<unknown>): EndpointFailure[] {
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

/** Why nothing was agreed on: the endpoints' own failure if all failed alike, else `no_quorum`. */
export function noQuorum(
  { clients, quorum }: QuorumSource,
  what: string,
  failures: readonly EndpointFailure[],
): ReadError {
  const [first] = failures
  if (first !== undefined && failures.length === clients.length && failures.every((f) => f.reason === first.reason))
    return new ReadError(first.reason, first.detail, { failures })
  return new ReadError(
    'no_quorum',
    `fewer than ${quorum} of ${clients.length} Stacks nodes agree on ${what}; check each of [registry] endpoints`,
    { failures },
  )
}
