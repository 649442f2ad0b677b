import { ReadError } from './errors.ts'
import type { StacksClient } from './stacks-client.ts'
import type { ReadPath } from './types.ts'

/** All four values at one block; the contract's other getters could straddle a rotation. */
export const READ_FUNCTION = 'get-current-signer-data'
/** The same four by themselves, for a contract without that function. */
export const SIGNER_VARS = [
  'current-signer-set',
  'current-aggregate-pubkey',
  'current-signer-principal',
  'current-signature-threshold',
] as const
export type SignerVar = (typeof SIGNER_VARS)[number]

/**
 * What one endpoint says of the registry at one block, and how it was read: as text, so that answers are equal only to
 * the last byte and by the same way. The values of `data_var` stand in the order of SIGNER_VARS.
 */
export type PinnedAnswer = `${ReadPath} ${string}`

/**
 * Reads the registry at a block. A node that says the contract has no such function is asked for the data variables at
 * that same block instead. It decides this for itself only: its answer then differs from every answer of the function,
 * so the way counts only where a quorum takes it, and a liar that takes it stands alone.
 */
export async function readPinned(
  client: StacksClient,
  contract: string,
  tip: string,
  signal?: AbortSignal,
): Promise<PinnedAnswer> {
  try {
    return `call-read ${await client.callRead(contract, READ_FUNCTION, tip, signal)}`
  } catch (error) {
    if (!(error instanceof ReadError) || error.data.undefinedFunction !== true) throw error
  }
  const values = await Promise.all(SIGNER_VARS.map((name) => client.dataVar(contract, name, tip, signal)))
  return `data_var ${values.join(' ')}`
}

/** The parts of a PinnedAnswer. */
export function openPinned(answer: PinnedAnswer): { readonly via: ReadPath; readonly values: readonly string[] } {
  const [via, ...values] = answer.split(' ')
  return { via: via === 'data_var' ? 'data_var' : 'call-read', values }
}
