import { DeadlineError, withDeadline } from '../base/index.ts'
import { ReadError } from './errors.ts'
import { judgeAnswer } from './judge.ts'
import { agreeAtNewest } from './newest.ts'
import { type PinnedAnswer, readPinned } from './pinned-read.ts'
import { askTips, type EndpointFailure, noQuorum, type QuorumSource } from './quorum-read.ts'
import type { StacksClient } from './stacks-client.ts'
import type { RotationState } from './types.ts'

/** Tips, where a block stands, one pinned read: more are only needed where endpoints are slow and divided as well. */
const CALLS_PER_STATE = 3

/**
 * Nonce of `principal` and key of the registry at one block, from a quorum (R4). One liar must move neither: a nonce that
 * is too high would reserve the next rotation's for this payload, for good (R29); one that is too low, or a hidden
 * rotation, would have members sign what can't be mined, or what was mined already. Read at two blocks, the nonce could
 * count a rotation that the key does not show yet. Takes no longer than three calls may. Throws ReadError.
 */
export async function readRotationState(
  source: QuorumSource,
  principal: string,
  signal?: AbortSignal,
): Promise<RotationState> {
  const timeoutMs = CALLS_PER_STATE * Math.max(...source.clients.map((client) => client.timeoutMs))
  try {
    return await withDeadline('reading the state of a rotation', timeoutMs, (s) => read(source, principal, s), signal)
  } catch (error) {
    if (!(error instanceof DeadlineError) || signal?.aborted) throw error
    const why = `${error.message}; check the Stacks nodes of [registry] endpoints`
    throw new ReadError('timeout', why, {}, { cause: error })
  }
}

async function read(source: QuorumSource, principal: string, signal: AbortSignal): Promise<RotationState> {
  const { registryId } = source
  const failures: EndpointFailure[] = []
  const up = await askTips(source, failures, signal)
  const ask = async (client: StacksClient, tip: string, s: AbortSignal): Promise<`${number} ${PinnedAnswer}`> => {
    const [{ nonce }, answer] = await Promise.all([
      client.account(principal, tip, s),
      readPinned(client, registryId.contract, tip, s),
    ])
    return `${nonce} ${answer}`
  }
  const { agreement } = await agreeAtNewest(source, up, ask, failures, signal)
  if (agreement === undefined) throw noQuorum(source, "the principal's nonce and the registry", failures)
  const { answer } = agreement
  const space = answer.indexOf(' ')
  const state = await judgeAnswer(registryId, 'the quorum of Stacks nodes', answer.slice(space + 1) as PinnedAnswer)
  return {
    nonce: Number(answer.slice(0, space)),
    aggregateKey: state.kind === 'set' ? state.set.aggregateKey : undefined,
  }
}
