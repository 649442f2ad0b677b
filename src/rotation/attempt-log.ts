import { asTranscriptHash, CodedError, fromUtf8, type PendingId, utf8 } from '../base/index.ts'
import type { AttemptLog, AttemptRecord } from '../rounds/index.ts'
import type { Space } from '../store/index.ts'

/** Beside the finished key of the same pending set, whose own key there is the bare id. */
const keyOf = (id: PendingId): string => `${id}/attempt`

/**
 * How far keygen has come for a pending set, beyond this process (R20). Never deleted: the same set may be approved again, and an
 * attempt number serves once. It has 100 bytes, and an operator's word behind it.
 */
export async function loadAttemptLog(space: Space, id: PendingId): Promise<AttemptLog> {
  const stored = await space.get(keyOf(id))
  let last = stored && decode(id, stored)
  // One after the other: what is said last must be what stays.
  let saving: Promise<void> = Promise.resolve()
  return {
    get last() {
      return last
    },
    save: (record) => {
      const put = async () => {
        await space.put(keyOf(id), utf8(JSON.stringify(record)))
        last = record
      }
      const done = saving.then(put, put)
      saving = done
      return done
    },
  }
}

function decode(id: PendingId, bytes: Uint8Array): AttemptRecord {
  try {
    const value: unknown = JSON.parse(fromUtf8(bytes))
    const { attempt, staged, stagedIn, certified } = value as Readonly<Record<string, unknown>>
    if (typeof attempt !== 'number' || !Number.isSafeInteger(attempt) || typeof certified !== 'boolean')
      throw new TypeError('attempt record: its fields are not those of one')
    if (staged === undefined) return { attempt, certified: false }
    const record = { attempt, staged: asTranscriptHash(String(staged)), certified }
    if (stagedIn === undefined) return record
    if (typeof stagedIn !== 'number' || !Number.isSafeInteger(stagedIn) || stagedIn > attempt)
      throw new TypeError('attempt record: its share was staged in no attempt before')
    return { ...record, stagedIn }
  } catch (cause) {
    throw new CodedError(
      'STORE_UNREADABLE',
      `the stored keygen attempt of pending set ${id} is malformed; restore the data folder`,
      {},
      { cause },
    )
  }
}
