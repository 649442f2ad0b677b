import { fromUtf8, type PendingId, utf8 } from '../base/index.ts'
import type { Space } from '../store/index.ts'

/** Beside the keys themselves, which stand under the bare pending id. */
const LIST = 'kept'
/** Finished keys that outlive their rotation. A reorg takes back the newest few at most, and each has a few hundred bytes. */
export const MAX_KEPT_KEYS = 16

/**
 * The proven key of a rotation that is over stays for a while: a reorg can bring the parent set back without the
 * transaction, and the members that signed it can sign nothing else at its nonce (R29). Oldest go first.
 */
export async function keepFinishedKey(proposals: Space, id: PendingId): Promise<void> {
  const ids = [...(await listed(proposals)).filter((other) => other !== id), id]
  for (const old of ids.slice(0, -MAX_KEPT_KEYS)) await proposals.delete(old)
  await proposals.put(LIST, utf8(ids.slice(-MAX_KEPT_KEYS).join()))
}

async function listed(proposals: Space): Promise<readonly PendingId[]> {
  const bytes = await proposals.get(LIST)
  return bytes === undefined ? [] : (fromUtf8(bytes).split(',') as PendingId[])
}
