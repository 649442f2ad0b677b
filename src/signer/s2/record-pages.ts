import type { Space } from '../../store/index.ts'
import type { BindingKey } from './binding-key.ts'
import { decodeRecord, type OneTimeRecord } from './one-time-record.ts'

/** Records read at once where all of them are. */
const PAGE = 1_000

/** All records of a store, some at a time: there may be millions. Throws `S2_BINDINGS_UNREADABLE`. */
export async function eachPage(
  space: Space,
  work: (page: readonly (readonly [BindingKey, OneTimeRecord])[]) => Promise<void>,
): Promise<void> {
  for (let after = ''; ; ) {
    const page = await space.page(after, PAGE)
    const last = page.at(-1)
    if (last === undefined) return
    await work(page.map(([key, bytes]) => [key as BindingKey, decodeRecord(key as BindingKey, bytes)] as const))
    after = last[0]
  }
}
