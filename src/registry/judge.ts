import { decodeSignerData, decodeSignerVars } from './clarity.ts'
import { ReadError } from './errors.ts'
import { openPinned, type PinnedAnswer, READ_FUNCTION } from './pinned-read.ts'
import type { NodeInfo } from './stacks-client.ts'
import type { RegistryId } from './types.ts'
import { type RawSignerData, type Validated, validateSignerData } from './validate.ts'

export type RegistryState = Exclude<Validated, { kind: 'invalid' }>

/** Throws ReadError `wrong_network`: R11 and the address versions rest on the chain's own id. */
export function requireNetwork(endpoint: string, registryId: RegistryId, info: NodeInfo): void {
  if (info.networkId !== registryId.chainId)
    throw new ReadError(
      'wrong_network',
      `Stacks node ${endpoint} is on network id ${info.networkId}, the config says ${registryId.chainId}; point [registry] endpoints at a node of ${registryId.network}`,
      { endpoint, found: info.networkId, expected: registryId.chainId },
    )
}

/** What the bytes of the signer data say, whichever way they were read. `who` gave them. Throws ReadError `malformed_answer` or `invalid_set`. */
export async function judgeAnswer(registryId: RegistryId, who: string, answer: PinnedAnswer): Promise<RegistryState> {
  const { via, values } = openPinned(answer)
  let raw: RawSignerData
  try {
    raw = via === 'data_var' ? await decodeSignerVars(values) : await decodeSignerData(values[0])
  } catch (cause) {
    throw new ReadError(
      'malformed_answer',
      `${via === 'data_var' ? 'the signer data' : READ_FUNCTION} of ${registryId.contract}, as ${who} answers it, has not the sbtc-registry shape; check [registry] contract`,
      { contract: registryId.contract },
      { cause },
    )
  }
  const state = validateSignerData(registryId, raw)
  if (state.kind === 'invalid')
    throw new ReadError(
      'invalid_set',
      `${registryId.contract}, as ${who} answers it, holds a set that can't be used (${state.detail}); its signers must rotate to a valid one`,
      { fault: state.fault },
    )
  return state
}
