import type { PublicKey } from '../base/index.ts'
import { type HandoffItem, inRequestOrder } from '../rounds/index.ts'

/**
 * What is asked for in one request each. A member consents to all of a request or to none (R27), so only what the same members list
 * stands together: with lists that differ, every item is still asked for among all who list it. Sorted by name, so that every
 * member makes the same requests of the same lists, and a restart makes those again that were not answered.
 */
export function handoffBatches(
  items: readonly HandoffItem[],
  listedBy: (item: HandoffItem) => readonly PublicKey[],
  maxItems: number,
): readonly (readonly HandoffItem[])[] {
  const groups = Map.groupBy(inRequestOrder(items), (item) => listedBy(item).join())
  return [...groups.values()].flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / maxItems) }, (_, i) => group.slice(i * maxItems, (i + 1) * maxItems)),
  )
}
