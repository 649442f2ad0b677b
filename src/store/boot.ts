import { utf8 } from '../base/index.ts'
import { StoreError } from './errors.ts'
import type { Space } from './types.ts'

const KEY = 'boot'

/**
 * Number of this start of the node (R16): max(stored + 1, unix ms), on disk before it is used, so that no two starts share
 * one, also when the clock went back or the store was restored. Throws `STORE_UNREADABLE`.
 */
export async function nextBoot(space: Space, nowMs: number): Promise<number> {
  const stored = await space.get(KEY)
  const boot = Math.max(stored === undefined ? 0 : parse(stored) + 1, nowMs)
  await space.put(KEY, utf8(String(boot)))
  return boot
}

function parse(bytes: Uint8Array): number {
  const text = new TextDecoder().decode(bytes)
  const boot = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(boot))
    throw new StoreError('STORE_UNREADABLE', 'the stored boot number is not a number; restore the data folder')
  return boot
}
