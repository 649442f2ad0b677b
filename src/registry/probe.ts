import { ReadError } from './errors.ts'
import { judgeAnswer, requireNetwork } from './judge.ts'
import { readPinned } from './pinned-read.ts'
import { createStacksClient, type StacksClient } from './stacks-client.ts'
import type { ChainTip, ReadFailure, RegistryId } from './types.ts'

/** One endpoint at start: what it answers, or one sentence with the remedy. */
export type EndpointProbe =
  | { readonly ok: true; readonly endpoint: string; readonly tip: ChainTip; readonly state: 'set' | 'uninitialised' }
  | { readonly ok: false; readonly endpoint: string; readonly code: ReadFailure; readonly message: string }

/**
 * Startup check of every endpoint by itself, for operators: unreachable, not a Stacks node, wrong network, wrong contract.
 * Decides nothing: what gates is the watcher's quorum. Throws CodedError `BAD_ENDPOINT`, TypeError on a malformed contract.
 */
export function probeRegistry(
  registryId: RegistryId,
  endpoints: readonly string[],
  init: { readonly callTimeoutMs?: number } = {},
  signal?: AbortSignal,
): Promise<readonly EndpointProbe[]> {
  const timeoutMs = init.callTimeoutMs
  const clients = endpoints.map((e) => createStacksClient(e, timeoutMs === undefined ? {} : { timeoutMs }))
  return Promise.all(clients.map((client) => probe(client, registryId, signal)))
}

async function probe(client: StacksClient, registryId: RegistryId, signal?: AbortSignal): Promise<EndpointProbe> {
  const endpoint = client.label
  try {
    const info = await client.info(signal)
    requireNetwork(endpoint, registryId, info)
    // Asked for itself: a node without the contract answers a call to it like one that lacks the block.
    await client.contractSource(registryId.contract, signal)
    const answer = await readPinned(client, registryId.contract, info.tip.indexBlockHash, signal)
    const state = await judgeAnswer(registryId, `Stacks node ${endpoint}`, answer)
    return { ok: true, endpoint, tip: info.tip, state: state.kind }
  } catch (error) {
    if (!(error instanceof ReadError)) throw error
    return { ok: false, endpoint, code: error.code, message: error.message }
  }
}
