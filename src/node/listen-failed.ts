import { CodedError } from '../base/index.ts'
import { addressesNotListenedAt } from '../p2p/index.ts'
import type { NodeConfig } from './config/index.ts'

/** `LISTEN_FAILED`, naming file, setting and addresses, for a start that ended because a listen address is taken or not this machine's. */
export function asListenFailed(error: unknown, { file, p2p }: NodeConfig): unknown {
  if (error instanceof CodedError) return error
  const addresses = addressesNotListenedAt(error, p2p.listen)
  if (addresses === undefined) return error
  return new CodedError(
    'LISTEN_FAILED',
    `${file}: [p2p] listen: can't listen at ${addresses.join(' nor at ')}: another program has the port, or the address is not this machine's`,
    { file, addresses },
    { cause: error },
  )
}
