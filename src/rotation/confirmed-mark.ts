import { type PendingId, utf8 } from '../base/index.ts'
import type { ConfirmedMark } from '../rounds/index.ts'
import type { Space } from '../store/index.ts'

/** Beside the finished key of the same pending set, whose own key there is the bare id. */
const keyOf = (id: PendingId): string => `${id}/confirmed`

/** R20: written before this node says its trial share, and read before it may begin a keygen for that pending set again. */
export async function loadConfirmedMark(space: Space, id: PendingId): Promise<ConfirmedMark> {
  const made = (await space.get(keyOf(id))) !== undefined
  let making: Promise<void> | undefined
  return {
    made,
    make: () => {
      // Trial shares are said again and again; what failed to be written is tried again.
      making ??= space.put(keyOf(id), utf8('confirmed')).catch((error: unknown) => {
        making = undefined
        throw error
      })
      return making
    },
  }
}

export const dropConfirmedMark = (space: Space, id: PendingId): Promise<void> => space.delete(keyOf(id))
