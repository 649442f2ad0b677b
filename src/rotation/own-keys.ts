import { isHex, type PublicKey, utf8 } from '../base/index.ts'
import { parsePublicKey } from '../curve/index.ts'
import type { Space } from '../store/index.ts'

/**
 * Keys that this node lived under before the one in use (R7), as far as its store remembers, and remembers that one as well.
 * Shares of the sets that they stood in are sealed to their files, and can't be opened with another.
 */
export async function earlierKeys(space: Space, inUse: PublicKey): Promise<readonly PublicKey[]> {
  const stored = (await space.entries()).map(([key]) => key).filter((key) => isHex(key, 33))
  if (!stored.includes(inUse)) await space.put(inUse, utf8('1'))
  return stored.filter((key) => key !== inUse).map((key) => parsePublicKey(key))
}
