import { KeyError, S2Error } from '../../signer/index.ts'
import { type ErrorDetails, isWireErrorCode, RpcError, type WireErrorCode } from '../wire/index.ts'

/** The code of a failure that its thrower meant for the caller; undefined = ours, of which nothing crosses the wire. */
export function wireFailure(
  error: unknown,
): { readonly code: WireErrorCode; readonly details: Partial<ErrorDetails> } | undefined {
  if (error instanceof RpcError && isWireErrorCode(error.code)) return { code: error.code, details: error.details }
  if (error instanceof S2Error || error instanceof KeyError) return { code: error.code, details: fieldOf(error.data) }
  return undefined
}

function fieldOf({ field, expected }: Readonly<Record<string, unknown>>): Partial<ErrorDetails> {
  return typeof field === 'string' && typeof expected === 'string' ? { field, expected } : {}
}
